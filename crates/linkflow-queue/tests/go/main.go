// The other side of the queue: a program that knows nothing of Linkflow and uses asynq as it is.
// The tests start it to enqueue, consume and inspect, and the benchmark to measure asynq itself.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
)

var (
	redisAddr = flag.String("redis", "127.0.0.1:6379", "address of the server")
	queue     = flag.String("queue", "default", "queue")
	id        = flag.String("id", "", "id of the task")
	kind      = flag.String("type", "workflow:execute", "type of the task")
	payload   = flag.String("payload", "{}", "payload of the task")
	count     = flag.Int("count", 1, "how many")
	in        = flag.Duration("in", 0, "process after this time")
	unique    = flag.Duration("unique", 0, "keep others out for this time")
	retention = flag.Duration("retention", 0, "keep the completed task for this time")
	workers   = flag.Int("workers", 10, "concurrency")
	fails     = flag.Bool("fail", false, "fail each task")
	state     = flag.String("state", "pending", "state to list")
)

func main() {
	if len(os.Args) < 2 {
		die(fmt.Errorf("usage: asynq-peer COMMAND [FLAGS]"))
	}
	command := os.Args[1]
	if err := flag.CommandLine.Parse(os.Args[2:]); err != nil {
		die(err)
	}
	opt := asynq.RedisClientOpt{Addr: *redisAddr}
	inspector := asynq.NewInspector(opt)
	defer inspector.Close()
	switch command {
	case "enqueue":
		enqueue(opt)
	case "consume":
		consume(opt)
	case "queues":
		print(queues(inspector))
	case "tasks":
		print(tasks(inspector))
	case "servers":
		print(servers(inspector))
	case "pause":
		die(inspector.PauseQueue(*queue))
	case "unpause":
		die(inspector.UnpauseQueue(*queue))
	case "archive":
		die(inspector.ArchiveTask(*queue, *id))
	case "run":
		die(inspector.RunTask(*queue, *id))
	case "delete":
		die(inspector.DeleteTask(*queue, *id))
	case "cancel":
		die(inspector.CancelProcessing(*id))
	default:
		die(fmt.Errorf("unknown command %q", command))
	}
}

func die(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func print(value any) {
	text, err := json.Marshal(value)
	die(err)
	fmt.Println(string(text))
}

func enqueue(opt asynq.RedisClientOpt) {
	client := asynq.NewClient(opt)
	defer client.Close()
	options := []asynq.Option{asynq.Queue(*queue)}
	if *in > 0 {
		options = append(options, asynq.ProcessIn(*in))
	}
	if *unique > 0 {
		options = append(options, asynq.Unique(*unique))
	}
	if *retention > 0 {
		options = append(options, asynq.Retention(*retention))
	}
	for i := 0; i < *count; i++ {
		task := asynq.NewTask(*kind, []byte(*payload))
		with := options
		if *id != "" {
			with = append(with, asynq.TaskID(fmt.Sprintf("%s%s", *id, suffix(i))))
		}
		info, err := client.Enqueue(task, with...)
		die(err)
		if *count <= 100 {
			fmt.Println(info.ID)
		}
	}
}

func suffix(i int) string {
	if *count == 1 {
		return ""
	}
	return fmt.Sprintf("-%d", i)
}

// Processes tasks until it has seen `count` of them, prints the type, id and payload of each.
func consume(opt asynq.RedisClientOpt) {
	var seen int64
	var printing sync.Mutex
	enough := make(chan struct{})
	server := asynq.NewServer(opt, asynq.Config{
		Concurrency: *workers, Queues: map[string]int{*queue: 1}, LogLevel: asynq.FatalLevel,
		TaskCheckInterval: 50 * time.Millisecond,
	})
	die(server.Start(asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		if *count <= 100 {
			taskID, _ := asynq.GetTaskID(ctx)
			printing.Lock()
			fmt.Println(task.Type(), taskID, string(task.Payload()))
			printing.Unlock()
		}
		if atomic.AddInt64(&seen, 1) == int64(*count) {
			close(enough)
		}
		if *fails {
			return fmt.Errorf("refused on purpose")
		}
		return nil
	})))
	<-enough
	server.Shutdown()
}

func queues(inspector *asynq.Inspector) any {
	names, err := inspector.Queues()
	die(err)
	sort.Strings(names)
	infos := []*asynq.QueueInfo{}
	for _, name := range names {
		info, err := inspector.GetQueueInfo(name)
		die(err)
		info.Timestamp = time.Time{}
		infos = append(infos, info)
	}
	return infos
}

type task struct {
	ID, Type, Payload, State, LastErr string
	Retried, MaxRetry                 int
}

func tasks(inspector *asynq.Inspector) any {
	list := map[string]func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){
		"pending": inspector.ListPendingTasks, "active": inspector.ListActiveTasks,
		"scheduled": inspector.ListScheduledTasks, "retry": inspector.ListRetryTasks,
		"archived": inspector.ListArchivedTasks, "completed": inspector.ListCompletedTasks,
	}[*state]
	if list == nil {
		die(fmt.Errorf("unknown state %q", *state))
	}
	found, err := list(*queue, asynq.PageSize(1000))
	die(err)
	out := []task{}
	for _, t := range found {
		out = append(out, task{t.ID, t.Type, string(t.Payload), strings.ToLower(t.State.String()),
			t.LastErr, t.Retried, t.MaxRetry})
	}
	return out
}

type server struct {
	Host, Status string
	PID          int
	Concurrency  int
	Queues       map[string]int
	Workers      []string
}

func servers(inspector *asynq.Inspector) any {
	found, err := inspector.Servers()
	die(err)
	out := []server{}
	for _, s := range found {
		one := server{s.Host, s.Status, s.PID, s.Concurrency, s.Queues, []string{}}
		for _, w := range s.ActiveWorkers {
			one.Workers = append(one.Workers, w.Queue+" "+w.TaskID)
		}
		sort.Strings(one.Workers)
		out = append(out, one)
	}
	return out
}

/* Loaded before the C library of one process: its wall clock is off by what a file says, in
 * nanoseconds. The file is mapped, so that a step takes hold at once. The monotonic clock is left
 * alone, as it is when somebody turns a real clock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile const long long *offset;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("LINKFLOW_CHAOS_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    if (file < 0) return;
    void *map = mmap(NULL, sizeof(long long), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (map != MAP_FAILED) offset = map;
}

int clock_gettime(clockid_t id, struct timespec *t) {
    int result = real ? real(id, t) : -1;
    if (result == 0 && offset && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        long long by = t->tv_nsec + *offset;
        long long seconds = by / 1000000000LL, rest = by % 1000000000LL;
        if (rest < 0) { rest += 1000000000LL; seconds -= 1; }
        t->tv_sec += seconds;
        t->tv_nsec = rest;
    }
    return result;
}

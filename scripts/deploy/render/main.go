// Reads deployment files as the programs do that will read them in earnest, and prints what comes
// out: Compose files with compose-go, Helm charts with Helm's own engine, kustomizations with
// kustomize, Dockerfiles with BuildKit's parser. It judges nothing beyond what those refuse.
//
//	render compose FILE...          the project as JSON
//	render kustomize DIR            the manifests
//	render helm DIR [VALUES.yaml]   the manifests
//	render dockerfile FILE          the stages as JSON
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("say what: compose FILE..., kustomize DIR, helm DIR [VALUES], dockerfile FILE"))
	}
	var text string
	var err error
	switch args := os.Args[2:]; os.Args[1] {
	case "compose":
		text, err = compose(args)
	case "kustomize":
		text, err = kustomize(args[0])
	case "helm":
		text, err = helm(args[0], args[1:])
	case "dockerfile":
		text, err = dockerfile(args[0])
	default:
		err = fmt.Errorf("there is no %q", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
	fmt.Print(text)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// With the variables of this process, as `docker compose` takes them.
func compose(files []string) (string, error) {
	options, err := cli.NewProjectOptions(files, cli.WithOsEnv, cli.WithName("linkflow"), cli.WithProfiles([]string{"*"}))
	if err != nil {
		return "", err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return "", err
	}
	text, err := project.MarshalJSON()
	return string(text), err
}

func kustomize(dir string) (string, error) {
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return "", err
	}
	text, err := made.AsYaml()
	return string(text), err
}

// A value that a template names and nobody gives is an error, unlike with `helm template`.
func helm(dir string, files []string) (string, error) {
	chart, err := loader.Load(dir)
	if err != nil {
		return "", err
	}
	given := map[string]interface{}{}
	for _, file := range files {
		values, err := chartutil.ReadValuesFile(file)
		if err != nil {
			return "", err
		}
		given = chartutil.CoalesceTables(values.AsMap(), given)
	}
	options := chartutil.ReleaseOptions{Name: "linkflow", Namespace: "linkflow", Revision: 1, IsInstall: true}
	values, err := chartutil.ToRenderValues(chart, given, options, chartutil.DefaultCapabilities)
	if err != nil {
		return "", err
	}
	made, err := engine.Engine{Strict: true}.Render(chart, values)
	if err != nil {
		return "", err
	}
	names := make([]string, 0, len(made))
	for name := range made {
		names = append(names, name)
	}
	sort.Strings(names)
	var text strings.Builder
	for _, name := range names {
		base := filepath.Base(name)
		if strings.TrimSpace(made[name]) == "" || strings.HasPrefix(base, "_") || strings.HasSuffix(base, ".txt") {
			continue
		}
		fmt.Fprintf(&text, "---\n# Source: %s\n%s\n", name, made[name])
	}
	return text.String(), nil
}

type stage struct {
	Name         string     `json:"name"`
	From         string     `json:"from"`
	Instructions [][]string `json:"instructions"`
}

func dockerfile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		return "", err
	}
	read, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return "", err
	}
	stages := []stage{}
	for _, one := range read {
		made := stage{Name: one.Name, From: one.BaseName, Instructions: [][]string{}}
		for _, command := range one.Commands {
			made.Instructions = append(made.Instructions, []string{command.Name(), fmt.Sprint(command)})
		}
		stages = append(stages, made)
	}
	text, err := json.Marshal(map[string]interface{}{"stages": stages, "warnings": parsed.Warnings})
	return string(text), err
}

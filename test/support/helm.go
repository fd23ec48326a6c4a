// Renders the templates of a chart as Helm 3 does: text/template, sprig, and the functions that Helm adds. Helm itself is in no registry of
// packages for this repository; Debian has the libraries that it is made of.
//
// stdin: {"templates": {name: text}, "data": {Values, Release, Chart, ...}}; stdout: {name: text}
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

func main() {
	var input struct {
		Templates map[string]string      `json:"templates"`
		Data      map[string]interface{} `json:"data"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {
		fail(err)
	}
	all := template.New("chart").Option("missingkey=zero")
	all.Funcs(functions(all))
	for name, text := range input.Templates {
		if _, err := all.New(name).Parse(text); err != nil {
			fail(err)
		}
	}
	rendered := map[string]string{}
	for name := range input.Templates {
		if strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		text, err := execute(all, name, input.Data)
		if err != nil {
			fail(err)
		}
		rendered[name] = text
	}
	if err := json.NewEncoder(os.Stdout).Encode(rendered); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func execute(all *template.Template, name string, data interface{}) (string, error) {
	var text strings.Builder
	err := all.ExecuteTemplate(&text, name, data)
	// A value that is not there prints nothing.
	return strings.ReplaceAll(text.String(), "<no value>", ""), err
}

func functions(all *template.Template) template.FuncMap {
	functions := sprig.TxtFuncMap()
	// A chart cannot read the machine that renders it.
	delete(functions, "env")
	delete(functions, "expandenv")
	functions["include"] = func(name string, data interface{}) (string, error) {
		return execute(all, name, data)
	}
	functions["tpl"] = func(text string, data interface{}) (string, error) {
		inner, err := template.Must(all.Clone()).New("tpl").Parse(text)
		if err != nil {
			return "", err
		}
		return execute(inner, "tpl", data)
	}
	functions["required"] = func(warning string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return nil, errors.New(warning)
		}
		return value, nil
	}
	// As `helm template`, which asks no cluster.
	functions["lookup"] = func(string, string, string, string) map[string]interface{} {
		return map[string]interface{}{}
	}
	functions["toYaml"] = func(value interface{}) string {
		bytes, err := yaml.Marshal(value)
		if err != nil {
			return ""
		}
		return strings.TrimSuffix(string(bytes), "\n")
	}
	functions["fromYaml"] = func(text string) map[string]interface{} {
		value := map[string]interface{}{}
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			value["Error"] = err.Error()
		}
		return value
	}
	return functions
}

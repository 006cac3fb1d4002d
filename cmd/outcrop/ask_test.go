package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// ask is a client of `outcrop serve` for the scripts: it waits until the
// server has written its address to a file, and prints what it answers.
//
//	ask FILE url|converse|requests|PATH|'POST PATH'
func ask() {
	if err := askServer(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "ask:", err)
		os.Exit(1)
	}
}

func askServer(file, what string) error {
	url, err := addressIn(file)
	if err != nil {
		return err
	}
	method, path, text := http.MethodGet, "/"+what, ""
	switch what {
	case "url":
		fmt.Println(url)
		return nil
	case "converse":
		method, path = http.MethodPost, "/model/anthropic.claude-sonnet-4-5-20250929-v1:0/converse"
		text = `{"messages":[{"role":"user","content":[{"text":"say hello"}]}]}`
	case "requests":
		path = "/outcrop/requests"
	}
	if posted, ok := strings.CutPrefix(what, "POST "); ok {
		method, path = http.MethodPost, "/"+posted
	}
	request, err := http.NewRequest(method, url+path, strings.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if token := os.Getenv("OUTCROP_TOKEN"); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	fmt.Println(response.Status, response.Header.Get("x-amzn-ErrorType"))
	fmt.Println(string(body))
	return err
}

// addressIn waits for the line that `outcrop serve` prints when it is ready.
func addressIn(file string) (string, error) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if text, err := os.ReadFile(file); err == nil && strings.HasSuffix(string(text), "\n") {
			return strings.TrimSpace(string(text)), nil
		}
	}
	return "", fmt.Errorf("%s: no address", file)
}

package main

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// get is one request to a server, with headers as pairs.
func get(t *testing.T, url string, header ...string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// TestConsole: a browser gets the page at the printed address, and S3's clients
// get their buckets there; a setting turns the page off.
func TestConsole(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		on   bool
	}{
		{"as it comes", nil, true},
		{"turned off", []string{"--set", "server.console=false"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startServing(t, tt.args...)
			script := checkPage(t, s.url, tt.on)
			checkBuckets(t, s.url)
			for _, path := range []string{"/", script} {
				for name, value := range map[string]string{"Host": "evil.example", "Origin": "https://evil.example"} {
					if status, body := get(t, s.url+path, "Accept", "text/html", name, value); status != http.StatusForbidden || strings.Contains(body, "<script") {
						t.Errorf("%s with %s %s: %d %s", path, name, value, status, body)
					}
				}
			}
		})
	}
}

// checkPage asks as a browser does, and for the script of the page. It returns the
// script's path, or one like it where there is no page.
func checkPage(t *testing.T, url string, on bool) string {
	t.Helper()
	status, page := get(t, url, "Accept", "text/html")
	if !on {
		if status != http.StatusNotFound || strings.Contains(page, "<html") {
			t.Errorf("the page: %d %s", status, page)
		}
		const path = "/outcrop/console/0000000000000000/app.js"
		if status, body := get(t, url+path); status == http.StatusOK || strings.Contains(body, "console") && !strings.Contains(body, path) {
			t.Errorf("a script: %d %s", status, body)
		}
		return path
	}
	script := regexp.MustCompile(`src="(/outcrop/console/[0-9a-f]{16}/app\.js)"`).FindStringSubmatch(page)
	if status != http.StatusOK || script == nil || !strings.Contains(page, `content="[&#34;simulator&#34;]"`) {
		t.Fatalf("the page: %d %s", status, page)
	}
	if status, text := get(t, url+script[1]); status != http.StatusOK || !strings.Contains(text, "import") {
		t.Errorf("its script: %d %s", status, text)
	}
	return script[1]
}

// checkBuckets uses the AWS SDK at the address where the page is.
func checkBuckets(t *testing.T, url string) {
	t.Helper()
	client := s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""), UsePathStyle: true})
	bucket := "console"
	if _, err := client.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	list, err := client.ListBuckets(context.Background(), &s3.ListBucketsInput{})
	if err != nil || len(list.Buckets) != 1 || *list.Buckets[0].Name != bucket {
		t.Errorf("ListBuckets: %+v, %v", list, err)
	}
}

package server

import (
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// bind sets the members of a request that travel outside of its body, as their
// generated tags say: `uri:"name"`, `query:"name"`, `header:"Name"`. req is a
// pointer to a struct.
func (x *exchange) bind(req any) error {
	b := binder{labels: x.labelValues(), header: x.r.Header}
	if x.r.URL.RawQuery != "" {
		var err error
		if b.query, err = x.query(); err != nil {
			return err
		}
	}
	return b.bind(reflect.ValueOf(req).Elem())
}

// query is the request's query.
func (x *exchange) query() (url.Values, error) {
	query, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return nil, outcrop.Errorf(bedrock.CodeValidation, "The query string cannot be read: it has an invalid escape or separator.")
	}
	return query, nil
}

// parameter is the value of a parameter of a query that may be given once.
func parameter(query url.Values, name string) (string, error) {
	if n := len(query[name]); n > 1 {
		return "", outcrop.Invalid(name, "it is given %d times", n)
	}
	return query.Get(name), nil
}

// labelValues pairs the names of the route's labels with their values.
func (x *exchange) labelValues() map[string]string {
	values := make(map[string]string, maxLabels)
	n := 0
	for _, segment := range x.route.segments {
		if isLabel(segment) {
			values[strings.Trim(segment, "{}")] = x.labels[n]
			n++
		}
	}
	return values
}

type binder struct {
	labels map[string]string
	query  url.Values
	header http.Header
}

func (b *binder) bind(v reflect.Value) error {
	t := v.Type()
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		if name := tag.Get("uri"); name != "" {
			v.Field(i).SetString(b.labels[name])
			continue
		}
		name, values := tag.Get("query"), []string(nil)
		if name != "" {
			values = b.query[name]
		} else if name = tag.Get("header"); name != "" {
			values = b.header.Values(name)
		}
		if len(values) == 0 {
			continue
		}
		if len(values) > 1 {
			return outcrop.Invalid(name, "it is given %d times", len(values))
		}
		if problem := set(v.Field(i), values[0]); problem != "" {
			return outcrop.Invalid(name, "%s", problem)
		}
	}
	return nil
}

// set reads a text into a field and says what is wrong with it. The kinds are
// those that the API's models have outside of bodies.
func set(field reflect.Value, text string) (problem string) {
	if field.Kind() == reflect.Pointer {
		value := reflect.New(field.Type().Elem())
		if problem := set(value.Elem(), text); problem != "" {
			return problem
		}
		field.Set(value)
		return ""
	}
	switch {
	case field.Type() == reflect.TypeFor[time.Time]():
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return "expected a timestamp such as 2026-01-31T12:00:00Z, found " + quote(text)
		}
		field.Set(reflect.ValueOf(t))
	case field.Kind() == reflect.String:
		field.SetString(text)
	case field.CanInt():
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return "expected an integer, found " + quote(text)
		}
		field.SetInt(n)
	case field.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return "expected true or false, found " + quote(text)
		}
		field.SetBool(text == "true")
	default:
		return "it cannot be given here"
	}
	return ""
}

package structured

import (
	"fmt"
	"os"
	"testing"
)

func TestDbg(t *testing.T) {
	name := os.Getenv("DBG")
	if name == "" {
		t.Skip()
	}
	for _, c := range loadSuite(t) {
		if c.name != name {
			continue
		}
		s, err := Compile(c.schema)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := ProfileNamed(os.Getenv("PROF"))
		plan, err := s.Plan(p)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(s.text)
		fmt.Println(string(plan.Schema()))
		for _, tr := range plan.Transforms {
			fmt.Printf("%+v\n", tr)
		}
		low, err := Compile(plan.Schema())
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range c.tests {
			if !in.Valid {
				continue
			}
			v, _ := parseExact(string(in.Data), 500)
			d := plan.Down(v)
			fmt.Println(plainJSON(v))
			fmt.Println(plainJSON(d))
			fmt.Println(low.Validate(d))
			break
		}
	}
}

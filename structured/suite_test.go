package structured

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/internal/maskbench"
)

func TestSuiteCompilesAndAgreesWithLabels(t *testing.T) {
	var refused, disagree []string
	instances := 0
	cases := maskbench.Load(t)
	for _, c := range cases {
		s, err := Compile(c.Schema)
		if err != nil {
			refused = append(refused, fmt.Sprintf("%s: %v", c.Name, err))
			var se *SchemaError
			if !errors.As(err, &se) {
				t.Errorf("%s: error is a %T", c.Name, err)
			}
			continue
		}
		for i, in := range c.Tests {
			instances++
			found, err := s.ValidateJSON(in.Data)
			if err != nil {
				t.Errorf("%s/%d: %v", c.Name, i, err)
			}
			if in.Valid != (len(found) == 0) {
				disagree = append(disagree, fmt.Sprintf("%s/%d valid=%v %q: %v", c.Name, i, in.Valid, in.Description, found))
			}
		}
	}
	t.Logf("%d schemas, %d refused; %d instances, %d against their label", len(cases), len(refused), instances, len(disagree))
	for _, line := range slices.Concat(refused, disagree) {
		t.Log(line)
	}
	if len(refused)*100 > len(cases) {
		t.Errorf("%d of %d schemas refused", len(refused), len(cases))
	}
	if len(disagree)*1000 > instances {
		t.Errorf("%d of %d instances against their label", len(disagree), instances)
	}
}

func TestSuiteInstances(t *testing.T) {
	var failed []string
	total := 0
	for _, c := range maskbench.Load(t) {
		s, err := Compile(c.Schema)
		if err != nil {
			continue
		}
		total++
		v, err := s.Instance(Hints{}, 1)
		if err != nil {
			valid := 0
			for _, in := range c.Tests {
				if in.Valid {
					valid++
				}
			}
			failed = append(failed, fmt.Sprintf("%s (%d valid instances known)", c.Name, valid))
			continue
		}
		if found := s.Validate(v); found != nil {
			t.Errorf("%s: invalid instance: %v", c.Name, found)
		}
	}
	t.Logf("%d schemas, %d without an instance", total, len(failed))
	missed := 0
	for _, f := range failed {
		t.Log(f)
		if !strings.Contains(f, "(0 valid") {
			missed++
		}
	}
	if missed*500 > total {
		t.Errorf("%d satisfiable schemas without an instance", missed)
	}
}

package outcrop_test

import (
	"errors"
	"testing"

	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/maskbench"
	"github.com/outcrop-ai/outcrop/structured"
)

// Construct, from the manager to the simulator and back, gives a valid value
// for every satisfiable schema of the labelled real-world ones, by every
// strategy and, where a root element has a name, in XML. It runs over a sample;
// OUTCROP_LONG=1 takes all schemas (about a minute).
func TestSuiteConstruct(t *testing.T) {
	backend, err := simulator.New(simulator.Config{LogSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	m := manager(t, backend)
	cases := maskbench.Load(t)
	if !maskbench.Long() {
		cases = cases[:len(cases)/3]
	}
	for _, format := range []bedrock.ConstructFormat{bedrock.ConstructFormatJSON, bedrock.ConstructFormatXML} {
		for _, strategy := range []bedrock.ConstructStrategy{bedrock.ConstructStrategyNative, bedrock.ConstructStrategyTool, bedrock.ConstructStrategyPrompt} {
			t.Run(string(format)+"-"+string(strategy), func(t *testing.T) {
				t.Parallel()
				asked, valid, unsatisfied, nameless := 0, 0, 0, 0
				for _, c := range cases {
					schema, err := structured.Compile(c.Schema)
					if err != nil {
						continue // TestSuiteCompilesAndAgreesWithLabels counts these
					}
					got, err := m.Construct(t.Context(), &bedrock.ConstructRequest{
						Prompt: "Write something fitting.", Schema: bedrock.Document(c.Schema), Format: format, Strategy: strategy,
					})
					if errors.Is(err, structured.ErrNoRootName) {
						nameless++
						continue
					}
					if err != nil && !c.Satisfiable() {
						unsatisfied++
						continue
					}
					asked++
					if err != nil {
						t.Errorf("%s: %v", c.Name, err)
						continue
					}
					if found, err := schema.ValidateJSON(got.Output); err != nil || found != nil {
						t.Errorf("%s: %v %v", c.Name, found, err)
						continue
					}
					if format == bedrock.ConstructFormatXML {
						if reading, err := schema.ReadXML(got.Text); err != nil || !reading.Valid() {
							t.Errorf("%s: the XML does not read back: %v", c.Name, err)
							continue
						}
					}
					valid++
				}
				t.Logf("%d of %d schemas answered with a valid value; %d without a known valid value were not; %d without a root name", valid, asked, unsatisfied, nameless)
			})
		}
	}
}

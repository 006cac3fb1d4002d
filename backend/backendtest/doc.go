// Package backendtest is the one conformance suite of back-ends: what
// [outcrop.Backend] promises, checked from the outside.
//
//	func TestConformance(t *testing.T) {
//		backendtest.Test(t, func(t *testing.T) outcrop.Backend { … }, backendtest.Options{…})
//	}
//
// It asks real questions and looks at structure and invariants, never at
// wording, so it also runs against a real model. What a back-end cannot do is
// said in [Options]; it is then not asked for, or expected to be refused.
package backendtest

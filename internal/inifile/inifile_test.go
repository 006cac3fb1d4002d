package inifile

import "testing"

const mine = `# mine
[default]
region=eu-west-1

[profile  aws]
sso_session = work
s3 =
  region = nested
; the end
[other]
`

func TestChangesLeaveTheRestAlone(t *testing.T) {
	f := Parse(mine)
	if f.String() != mine {
		t.Errorf("read and written:\n%s", f)
	}
	if v, ok := f.Get("default", "region"); !ok || v != "eu-west-1" {
		t.Errorf("default region %q", v)
	}
	if _, ok := f.Get("profile aws", "region"); ok {
		t.Error("a nested setting was taken for one of the section")
	}
	f.Set("profile aws", "services", "outcrop")
	f.Set("profile aws", "sso_session", "home")
	f.Set("new", "a", "1")
	f.Add("services outcrop", []string{"bedrock =", "  endpoint_url = http://127.0.0.1:1"})
	const want = `# mine
[default]
region=eu-west-1

[profile  aws]
sso_session = home
s3 =
  region = nested
; the end
services = outcrop
[other]

[new]
a = 1

[services outcrop]
bedrock =
  endpoint_url = http://127.0.0.1:1
`
	if f.String() != want {
		t.Errorf("got\n%s", f)
	}
	f.Remove("services outcrop")
	f.Remove("new")
	f.Unset("profile aws", "services")
	f.Set("profile aws", "sso_session", "work")
	if f.String() != mine {
		t.Errorf("changed back:\n%s", f)
	}
}

func TestAnEmptyFile(t *testing.T) {
	f := Parse("")
	f.Set("profile aws", "region", "us-west-2")
	if f.String() != "[profile aws]\nregion = us-west-2\n" || !f.Has("profile aws") || f.Has("aws") {
		t.Errorf("%q", f)
	}
}

func FuzzFile(f *testing.F) {
	f.Add(mine, "profile aws", "region")
	f.Fuzz(func(t *testing.T, text, section, key string) {
		file := Parse(text)
		file.Get(section, key)
		file.Set("s", "k", "v")
		if v, ok := file.Get("s", "k"); !ok || v != "v" {
			t.Errorf("set in %q: %q", text, v)
		}
		file.Remove(section)
	})
}

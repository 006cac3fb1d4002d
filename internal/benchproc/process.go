package benchproc

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const kindVariable = "OUTCROP_BENCH_SERVER"

// profileVariable names the files that get a CPU profile of each process, and
// of which the kind is the ending.
const profileVariable = "OUTCROP_BENCH_PROFILE"

// Main returns at once in an ordinary test process. In one that Start made, it
// starts the server of that kind, which says where it listens, answers what
// Start's process asks, and exits when that is done.
func Main(kinds map[string]func() (addr string, err error)) {
	kind := os.Getenv(kindVariable)
	if kind == "" {
		return
	}
	if err := profiled(kind, func() error { return serve(kinds[kind]) }); err != nil {
		fmt.Fprintln(os.Stderr, kind+":", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve prints the server's address, and answers each line of the input with
// what was asked for.
func serve(start func() (string, error)) error {
	addr, err := start()
	if err != nil {
		return err
	}
	fmt.Println(addr)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch in.Text() {
		case "cpu":
			var u syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
				return err
			}
			fmt.Println(u.Utime.Nano() + u.Stime.Nano())
		case "memory":
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			fmt.Println(m.HeapAlloc + m.StackInuse)
		case "allocations":
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			fmt.Println(m.Mallocs)
		}
	}
	return nil
}

// profiled runs f under the CPU profiler when files are named.
func profiled(kind string, f func() error) error {
	name := os.Getenv(profileVariable)
	if name == "" {
		return f()
	}
	file, err := os.Create(name + "." + kind)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return f()
}

// Process is a server in a process of its own.
type Process struct {
	Kind string
	Addr string

	in  io.Writer
	out *bufio.Reader
	cmd *exec.Cmd
}

// Start starts the server of a kind with further variables of the environment,
// "NAME=value". It ends with the benchmark.
func Start(b *testing.B, kind string, env ...string) *Process {
	b.Helper()
	cmd := exec.Command(os.Args[0]) //nolint:gosec,noctx // this very program, which ends with its input
	cmd.Env = append(append(os.Environ(), env...), kindVariable+"="+kind)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close() // its end
		_ = cmd.Wait()
	})
	p := &Process{Kind: kind, in: in, out: bufio.NewReader(out), cmd: cmd}
	p.Addr = p.line(b)
	return p
}

func (p *Process) line(b *testing.B) string {
	b.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		b.Fatalf("%s: %v", p.Kind, err)
	}
	return strings.TrimSpace(line)
}

func (p *Process) ask(b *testing.B, what string) float64 {
	b.Helper()
	if _, err := fmt.Fprintln(p.in, what); err != nil {
		b.Fatal(err)
	}
	n, err := strconv.ParseFloat(p.line(b), 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// CPU is the processor time that the process has used, in ns.
func (p *Process) CPU(b *testing.B) float64 { b.Helper(); return p.ask(b, "cpu") }

// Memory is its heap and stacks after a collection, in bytes.
func (p *Process) Memory(b *testing.B) float64 { b.Helper(); return p.ask(b, "memory") }

// Allocations is how many objects it has allocated.
func (p *Process) Allocations(b *testing.B) float64 { b.Helper(); return p.ask(b, "allocations") }

// Resident is the memory that the kernel has given the process, in bytes, and
// how much of it are pages of files: the program's own text, mostly, which the
// kernel reads ahead, shares between processes, and drops when it wants memory.
// It is 0 where the system does not tell.
func (p *Process) Resident() (all, files float64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 3 {
		return 0, 0
	}
	pages := func(field string) float64 {
		n, _ := strconv.ParseFloat(field, 64)
		return n * float64(os.Getpagesize())
	}
	return pages(fields[1]), pages(fields[2])
}

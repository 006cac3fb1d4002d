package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// progress is one line on a terminal that is written over and over. Where the
// output is no terminal, only a line that differs in its first word is
// written, so that a log stays short.
type progress struct {
	w        io.Writer
	terminal bool
	last     string
}

func newProgress(w io.Writer) *progress { return &progress{w: w, terminal: isTerminal(w)} }

func (p *progress) show(line string) {
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%s", line)
		return
	}
	if first := firstWord(line); first != firstWord(p.last) {
		fmt.Fprintln(p.w, line)
	}
	p.last = line
}

// done leaves the terminal's line empty, for what comes next.
func (p *progress) done() {
	if p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

func firstWord(line string) string {
	first, _, _ := strings.Cut(line, " ")
	return first
}

// barWidth is how many characters a bar has.
const barWidth = 24

// bar draws how much of a whole is done.
func bar(done, total int) string {
	eighths := done * barWidth * 8 / max(total, 1)
	full := min(eighths/8, barWidth)
	text := strings.Repeat("█", full)
	if part := eighths % 8; part > 0 && full < barWidth {
		text += string([]rune("▏▎▍▌▋▊▉")[part-1])
		full++
	}
	return "▕" + text + strings.Repeat(" ", barWidth-full) + "▏"
}

// jobLine says in one line how far a job is, how fast it goes and how long it
// will take at that pace. The state comes first.
func jobLine(job *bedrock.GetModelInvocationJobResponse, elapsed time.Duration) string {
	if job.Message != "" && job.EndTime.IsZero() { // "waiting to go on: ..."
		return fmt.Sprintf("%s (%s)", job.Message, job.Status)
	}
	if job.TotalRecordCount == nil || *job.TotalRecordCount == 0 || job.ProcessedRecordCount == nil {
		return string(job.Status)
	}
	done, total := *job.ProcessedRecordCount, *job.TotalRecordCount
	progress, known := batch.ReadProgress(job, time.Now())
	if known {
		elapsed = progress.Elapsed // since the job began, not since somebody looked
	}
	line := fmt.Sprintf("%s  %s/%s records", job.Status, grouped(done), grouped(total))
	if job.ErrorRecordCount != nil && *job.ErrorRecordCount > 0 {
		line += fmt.Sprintf("  %s failed", grouped(*job.ErrorRecordCount))
	}
	if seconds := elapsed.Seconds(); done > 0 && seconds > 0.5 {
		rate := float64(done) / seconds
		line += fmt.Sprintf("  %.0f/s", rate)
		if done < total {
			line += fmt.Sprintf("  %s left", time.Duration(float64(total-done)/rate*float64(time.Second)).Round(time.Second))
		}
	}
	if tokens := progress.InputTokens + progress.OutputTokens; tokens > 0 {
		line += fmt.Sprintf("  %s tokens", grouped(int(tokens)))
	}
	return line
}

// jobBar is jobLine with a bar, for a terminal.
func jobBar(job *bedrock.GetModelInvocationJobResponse, elapsed time.Duration) string {
	line := jobLine(job, elapsed)
	if job.Message != "" || job.TotalRecordCount == nil || *job.TotalRecordCount == 0 || job.ProcessedRecordCount == nil {
		return line
	}
	state, rest, _ := strings.Cut(line, "  ")
	return fmt.Sprintf("%s %s %3d%%  %s", state, bar(*job.ProcessedRecordCount, *job.TotalRecordCount), *job.ProcessedRecordCount*100 / *job.TotalRecordCount, rest)
}

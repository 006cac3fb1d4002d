package compare

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// Figure is what a picture of a comparison says beside its rows.
type Figure struct {
	Title   string // the usual one when empty
	ModelID string
	Note    string // who answered
}

// The drawing's measures, in pixels. It is narrow, so that a telephone shows it
// at about the size it was drawn in.
const (
	svgWidth = 440
	svgEdge  = 16 // left and right of everything
	svgPlot  = svgWidth - 2*svgEdge
	svgRow   = 66 // of a method: its name and times, its bar, its tokens
	svgBar   = 16
	svgLine  = 17 // of text
	svgChars = 52 // in a line of text, in a wide sans serif
	svgLines = 3  // of a text that is wrapped, at most
)

// svgStyle are the colours, for light and for dark surroundings. TestContrast
// holds them to WCAG 2.2: text 7:1 and more, bars 3:1 against the ground and
// against each other, for colour-blind eyes as well. The names begin alike so
// that they meet no others in a page that has the drawing inside it.
const svgStyle = `<style>
.outcrop-ground{fill:#FFFFFF}.outcrop-text{fill:#1A1A1A}.outcrop-wait{fill:#4A90C4}.outcrop-read{fill:#0B3553}.outcrop-tick{stroke:#767676}
@media (prefers-color-scheme:dark){.outcrop-ground{fill:#121212}.outcrop-text{fill:#F2F2F2}.outcrop-wait{fill:#37709C}.outcrop-read{fill:#B5E0FF}.outcrop-tick{stroke:#8C8C8C}}
</style>`

// SVG draws a comparison: for each method the time to its first token and in
// all, with its tokens below. It stands on its own: a title, named axes with
// units, each figure as text, and a description for those who do not see it.
// The bars' two parts differ in lightness and in pattern, so that it can be
// read without colours. Nothing is fetched, and no script runs.
func SVG(w io.Writer, rows []Row, f Figure) error {
	if f.Title == "" {
		f.Title = "The inference methods on one prompt"
	}
	d := drawing{y: svgEdge}
	d.heading(&f)
	d.legend()
	d.scaled(rows)
	for i := range rows {
		d.row(&rows[i])
	}
	d.axis()
	_, err := io.WriteString(w, d.framed(&f, description(rows, &f)))
	return err
}

// framed is the whole document.
func (d *drawing) framed(f *Figure, description string) string {
	height := d.y + svgEdge
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="outcrop-title outcrop-desc" font-family="sans-serif" font-size="13">
<title id="outcrop-title">%[3]s</title>
<desc id="outcrop-desc">%[4]s</desc>
%[5]s
<defs><pattern id="outcrop-stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="outcrop-read" width="6" height="6"/><rect class="outcrop-ground" width="1.5" height="6"/></pattern></defs>
<rect class="outcrop-ground" width="%[1]d" height="%[2]d"/>
%[6]s</svg>
`, svgWidth, height, html.EscapeString(f.Title), html.EscapeString(description), svgStyle, d.String())
}

// description is the picture in words.
func description(rows []Row, f *Figure) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Horizontal bars: the time that each inference method took on one prompt, in milliseconds. Model %s. ", f.ModelID)
	for i := range rows {
		r := &rows[i]
		if r.failed() {
			fmt.Fprintf(&b, "%s failed: %s. ", r.Method, r.Status)
			continue
		}
		fmt.Fprintf(&b, "%s: %s; %s. ", r.Method, r.times(), r.cost())
	}
	return strings.TrimSpace(b.String())
}

func (r *Row) failed() bool { return r.Err != nil || r.Status != "ok" }

func (r *Row) times() string {
	if r.TimeToFirstTokenMs < r.TotalMs {
		return fmt.Sprintf("first token %d ms, all %d ms", r.TimeToFirstTokenMs, r.TotalMs)
	}
	return fmt.Sprintf("all at once, %d ms", r.TotalMs)
}

func (r *Row) cost() string {
	requests := "requests"
	if r.QuotaRequests == 1 {
		requests = "request"
	}
	return fmt.Sprintf("%d + %d tokens; quota %d %s, %d tokens", r.Usage.InputTokens, r.Usage.OutputTokens, r.QuotaRequests, requests, r.QuotaTokens)
}

// drawing grows from top to bottom.
type drawing struct {
	strings.Builder
	y     int     // how far it has come
	scale float64 // pixels for a millisecond
	step  int     // milliseconds between ticks
	most  int     // the last tick
}

func (d *drawing) say(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

func (d *drawing) text(x, y int, attributes, text string) {
	if attributes != "" {
		attributes = " " + attributes
	}
	d.say(`<text class="outcrop-text" x="%d" y="%d"%s>%s</text>`, x, y, attributes, html.EscapeString(text))
}

// heading is the title, the model and who answered.
func (d *drawing) heading(f *Figure) {
	for _, line := range wrapped(f.Title, svgChars*3/4) {
		d.y += svgLine + 3
		d.text(svgEdge, d.y, `font-size="16" font-weight="bold"`, line)
	}
	for _, text := range []string{"Model " + f.ModelID, f.Note} {
		for _, line := range wrapped(text, svgChars) {
			d.y += svgLine
			d.text(svgEdge, d.y, "", line)
		}
	}
}

// wrapped divides a text into lines, at spaces where there are any, and cuts it
// where they are too many.
func wrapped(text string, width int) []string {
	var lines []string
	for rest := []rune(strings.Join(strings.Fields(text), " ")); len(rest) > 0; {
		end := min(width, len(rest))
		if len(rest) > width {
			for cut := end; cut > width/2; cut-- {
				if rest[cut] == ' ' {
					end = cut
					break
				}
			}
		}
		line := string(rest[:end])
		rest = []rune(strings.TrimLeft(string(rest[end:]), " "))
		if len(lines) == svgLines-1 && len(rest) > 0 {
			return append(lines, line+"…")
		}
		lines = append(lines, line)
	}
	return lines
}

func (d *drawing) legend() {
	d.y += 6
	for _, entry := range []struct{ fill, text string }{{fillWait, "waiting for the first token"}, {fillRead, "reading while it is written"}} {
		d.y += svgLine + 3
		d.say(`<rect x="%d" y="%d" width="22" height="12" %s/>`, svgEdge, d.y-11, entry.fill)
		d.text(svgEdge+30, d.y, "", entry.text)
	}
	d.y += svgLine + 10
	d.text(svgEdge, d.y, `font-weight="bold"`, "method")
}

// The two parts of a bar.
const (
	fillWait = `class="outcrop-wait"`
	fillRead = `fill="url(#outcrop-stripes)"`
)

// scaled fits the longest bar into the plot.
func (d *drawing) scaled(rows []Row) {
	longest := 1
	for i := range rows {
		longest = max(longest, rows[i].TotalMs)
	}
	d.step = step(longest)
	d.most = (longest + d.step - 1) / d.step * d.step
	d.scale = float64(svgPlot) / float64(d.most)
}

// step is a round distance of ticks, of which at most six reach a value.
func step(most int) int {
	for power := 1; ; power *= 10 {
		for _, n := range []int{1, 2, 5} {
			if n*power*6 >= most {
				return n * power
			}
		}
	}
}

// row is a method: above the bar its name and its times, below it its tokens.
func (d *drawing) row(r *Row) {
	top := d.y + 10
	d.y += svgRow
	d.text(svgEdge, top+svgLine-3, `font-weight="bold"`, string(r.Method))
	if r.failed() {
		d.text(svgWidth-svgEdge, top+svgLine-3, `text-anchor="end"`, "failed")
		d.text(svgEdge, top+2*svgLine, "", r.Status)
		return
	}
	d.text(svgWidth-svgEdge, top+svgLine-3, `text-anchor="end"`, r.times())
	y := top + svgLine + 2
	d.ticks(y)
	first, all := float64(r.TimeToFirstTokenMs)*d.scale, float64(r.TotalMs)*d.scale
	d.bar(svgEdge, y, first, fillWait)
	if all > first {
		d.bar(svgEdge+first, y, all-first, fillRead)
	}
	d.text(svgEdge, y+svgBar+svgLine-2, "", r.cost())
}

func (d *drawing) bar(x float64, y int, wide float64, fill string) {
	d.say(`<rect x="%.1f" y="%d" width="%.1f" height="%d" %s/>`, x, y, wide, svgBar, fill)
}

// ticks are the grid behind one bar; text crosses none of it.
func (d *drawing) ticks(y int) {
	for ms := 0; ms <= d.most; ms += d.step {
		x := svgEdge + int(float64(ms)*d.scale)
		d.say(`<line class="outcrop-tick" x1="%d" y1="%d" x2="%d" y2="%d"/>`, x, y-2, x, y+svgBar+2)
	}
}

// axis is that of time, with its unit, below the last bar.
func (d *drawing) axis() {
	d.y += 14
	d.say(`<line class="outcrop-tick" x1="%d" y1="%d" x2="%d" y2="%d"/>`, svgEdge, d.y, svgEdge+svgPlot, d.y)
	for ms := 0; ms <= d.most; ms += d.step {
		x := svgEdge + int(float64(ms)*d.scale)
		d.say(`<line class="outcrop-tick" x1="%d" y1="%d" x2="%d" y2="%d"/>`, x, d.y, x, d.y+5)
		anchor := "middle"
		switch ms {
		case 0:
			anchor = "start"
		case d.most:
			anchor = "end"
		}
		d.text(x, d.y+5+svgLine-3, `text-anchor="`+anchor+`"`, fmt.Sprint(ms))
	}
	d.y += 5 + 2*svgLine + 4
	d.text(svgWidth/2, d.y, `text-anchor="middle"`, "time since the request (milliseconds)")
	d.y += svgLine
	d.text(svgWidth/2, d.y, `text-anchor="middle" font-size="12"`, "tokens: input + output; quota: what counts in a minute")
}

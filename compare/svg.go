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

// The drawing's measures, in pixels, and its colours: two of Okabe and Ito's
// palette for people who do not tell all colours apart (Color Universal Design,
// 2008), told apart by lightness too.
const (
	svgWidth   = 760
	svgLeft    = 120
	svgPlot    = 500
	svgTop     = 96
	svgRow     = 44
	svgBar     = 22
	svgWaiting = "#56B4E9" // sky blue, light
	svgReading = "#0B4F7D" // the palette's blue, darkened to 8:1 against white
	svgInk     = "#1A1A1A"
)

// SVG draws a comparison: for each method the time to its first token and in
// all, with its tokens beside. It stands on its own: a title, named axes with
// units, the figures as text, and a description for those who do not see it.
// Nothing is fetched, and no script runs.
func SVG(w io.Writer, rows []Row, f Figure) error {
	if f.Title == "" {
		f.Title = "The inference methods on one prompt"
	}
	d := drawing{}
	most := 1
	for i := range rows {
		most = max(most, rows[i].TotalMs)
	}
	d.step = step(most)
	d.scale = float64(svgPlot) / float64((most+d.step-1)/d.step*d.step)
	height := svgTop + svgRow*len(rows) + 84
	d.say(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title desc" font-family="sans-serif" font-size="13" fill="%s">`,
		svgWidth, height, svgWidth, height, svgInk)
	d.say(`<title id="title">%s</title>`, html.EscapeString(f.Title))
	d.say(`<desc id="desc">%s</desc>`, html.EscapeString(description(rows, f)))
	d.say(`<rect width="%d" height="%d" fill="#FFFFFF"/>`, svgWidth, height)
	d.text(svgLeft, 28, `font-size="17" font-weight="bold"`, f.Title)
	d.text(svgLeft, 48, "", "Model "+f.ModelID+". "+f.Note)
	d.legend()
	d.axes(len(rows), most)
	for i := range rows {
		d.row(i, &rows[i])
	}
	d.say(`</svg>`)
	_, err := io.WriteString(w, d.String())
	return err
}

// description is the picture in words.
func description(rows []Row, f Figure) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Horizontal bars: the time that each inference method took on one prompt, in milliseconds. Model %s. ", f.ModelID)
	for i := range rows {
		r := &rows[i]
		if r.Err != nil || r.Status != "ok" {
			fmt.Fprintf(&b, "%s failed: %s. ", r.Method, r.Status)
			continue
		}
		fmt.Fprintf(&b, "%s: first token after %d, all after %d; %d input and %d output tokens. ", r.Method, r.TimeToFirstTokenMs, r.TotalMs, r.Usage.InputTokens, r.Usage.OutputTokens)
	}
	return strings.TrimSpace(b.String())
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

type drawing struct {
	strings.Builder
	scale float64 // pixels for a millisecond
	step  int     // milliseconds between ticks
}

func (d *drawing) say(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

func (d *drawing) text(x, y int, attributes, text string) {
	if attributes != "" {
		attributes = " " + attributes
	}
	d.say(`<text x="%d" y="%d"%s>%s</text>`, x, y, attributes, html.EscapeString(text))
}

func (d *drawing) bar(x, y int, wide float64, colour string) {
	d.say(`<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, x, y, wide, svgBar, colour)
}

func (d *drawing) legend() {
	for i, entry := range []struct{ colour, text string }{{svgWaiting, "waiting for the first token"}, {svgReading, "reading while it is written"}} {
		x := svgLeft + i*230
		d.say(`<rect x="%d" y="62" width="14" height="14" fill="%s"/>`, x, entry.colour)
		d.text(x+20, 74, "", entry.text)
	}
}

// axes draws the methods' axis, and that of time with its ticks and its unit.
func (d *drawing) axes(rows, most int) {
	bottom := svgTop + svgRow*rows
	for ms := 0; ; ms += d.step {
		x := svgLeft + int(float64(ms)*d.scale)
		d.say(`<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#D0D0D0"/>`, x, svgTop, x, bottom)
		d.text(x, bottom+18, `text-anchor="middle"`, fmt.Sprint(ms))
		if ms >= most {
			break
		}
	}
	d.say(`<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s"/>`, svgLeft, svgTop, svgLeft, bottom, svgInk)
	d.text(svgLeft+svgPlot/2, bottom+42, `text-anchor="middle"`, "time since the request (milliseconds)")
	d.text(svgLeft-8, svgTop-8, `text-anchor="end" font-weight="bold"`, "method")
	d.text(svgLeft, bottom+68, `font-size="12"`, "t: input + output tokens; q: what counts against requests and tokens per minute")
}

func (d *drawing) row(i int, r *Row) {
	y := svgTop + svgRow*i + (svgRow-svgBar)/2
	d.text(svgLeft-8, y+16, `text-anchor="end"`, string(r.Method))
	if r.Status != "ok" {
		d.text(svgLeft+6, y+16, "", "failed: "+r.Status)
		return
	}
	first, all := float64(r.TimeToFirstTokenMs)*d.scale, float64(r.TotalMs)*d.scale
	d.bar(svgLeft, y, first, svgWaiting)
	if all > first {
		d.bar(svgLeft+int(first), y, all-first, svgReading)
	}
	d.text(svgLeft+int(all)+6, y+10, `font-size="11"`, fmt.Sprintf("%d ms  t %d + %d", r.TotalMs, r.Usage.InputTokens, r.Usage.OutputTokens))
	d.text(svgLeft+int(all)+6, y+23, `font-size="11"`, fmt.Sprintf("q %d, %d", r.QuotaRequests, r.QuotaTokens))
}

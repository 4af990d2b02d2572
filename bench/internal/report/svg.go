package report

import (
	"fmt"
	"html"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// bar is one bar of a chart.
type bar struct {
	label string // the client
	value float64
	text  string
}

// group are bars that belong together.
type group struct {
	label string
	bars  []bar
}

// colours of the clients, told apart also by those who see no red or green.
var colours = map[string]string{
	"portable": "#0072b2", "borrowed": "#56b4e9", "native": "#009e73", "python": "#e69f00",
	"c++": "#d55e00", "floor": "#999999", "floor-1": "#bbbbbb",
}

const (
	barHeight   = 16
	groupGap    = 14
	labelWidth  = 190
	chartWidth  = 520
	valueWidth  = 110
	titleHeight = 34
)

// svgText writes a text element.
func svgText(w io.Writer, x, y float64, anchor, class, text string) {
	fmt.Fprintf(w, `<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>`+"\n", x, y, anchor, class, html.EscapeString(text))
}

func svgOpen(w io.Writer, width, height int) {
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n",
		width, height, width, height)
	fmt.Fprintf(w, "<style>.t{font-size:14px;font-weight:bold}.l,.t{fill:#333}.v{fill:#555}.a{stroke:#ccc}</style>\n")
	fmt.Fprintf(w, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
}

// barChart writes horizontal bars in groups. On a logarithmic scale the shortest bar still
// shows.
func barChart(w io.Writer, title string, groups []group, logarithmic bool) {
	height := titleHeight
	most, least := 0.0, math.Inf(1)
	for _, g := range groups {
		height += len(g.bars)*barHeight + groupGap
		for _, b := range g.bars {
			most = max(most, b.value)
			if b.value > 0 {
				least = min(least, b.value)
			}
		}
	}
	length := func(v float64) float64 {
		switch {
		case v <= 0 || most <= 0:
			return 0
		case logarithmic && most > least:
			return chartWidth * (0.05 + 0.95*math.Log(v/least)/math.Log(most/least))
		}
		return chartWidth * v / most
	}
	svgOpen(w, labelWidth+chartWidth+valueWidth, height)
	if logarithmic {
		title += " (logarithmic)"
	}
	svgText(w, 8, 20, "start", "t", title)
	y := titleHeight
	for _, g := range groups {
		svgText(w, 8, float64(y+barHeight-4), "start", "l", g.label)
		for _, b := range g.bars {
			svgText(w, labelWidth-6, float64(y+barHeight-4), "end", "v", b.label)
			fmt.Fprintf(w, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n",
				labelWidth, y+1, length(b.value), barHeight-3, colours[b.label])
			svgText(w, labelWidth+length(b.value)+4, float64(y+barHeight-4), "start", "v", b.text)
			y += barHeight
		}
		y += groupGap
	}
	fmt.Fprintln(w, "</svg>")
}

// point is a point of a line.
type point struct {
	x, y  float64
	label string // at the axis
}

// line is one line of a chart.
type line struct {
	label  string
	points []point
}

const (
	lineWidth  = 620
	lineHeight = 320
	margin     = 70
)

// lineChart writes lines, both scales logarithmic: what grows in step is straight.
func lineChart(w io.Writer, title, unit string, lines []line) {
	minX, maxX, minY, maxY := math.Inf(1), 0.0, math.Inf(1), 0.0
	ticks := map[string]float64{}
	for _, l := range lines {
		for _, p := range l.points {
			minX, maxX, minY, maxY = min(minX, p.x), max(maxX, p.x), min(minY, p.y), max(maxY, p.y)
			ticks[p.label] = p.x
		}
	}
	if maxX == 0 || maxY == 0 {
		return
	}
	scale := func(v, low, high, from, to float64) float64 {
		if high <= low {
			return (from + to) / 2
		}
		return from + (to-from)*math.Log(v/low)/math.Log(high/low)
	}
	bottom, top := math.Pow(10, math.Floor(math.Log10(minY))), math.Pow(10, math.Ceil(math.Log10(maxY)))
	at := func(p point) (x, y float64) {
		return scale(p.x, minX, maxX, margin, lineWidth-margin-40), scale(p.y, bottom, top, lineHeight-40, titleHeight+10)
	}
	svgOpen(w, lineWidth, lineHeight)
	svgText(w, 8, 20, "start", "t", title)
	for v := bottom; v <= top*1.01; v *= 10 {
		_, y := at(point{minX, v, ""})
		fmt.Fprintf(w, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" class="a"/>`+"\n", margin, lineWidth-margin-40, y, y)
		svgText(w, margin-6, y+4, "end", "v", short(v)+unit)
	}
	for _, label := range slices.Sorted(maps.Keys(ticks)) {
		x, _ := at(point{ticks[label], bottom, ""})
		svgText(w, x, lineHeight-22, "middle", "v", label)
	}
	for _, l := range lines {
		var path []string
		var x, y float64
		for _, p := range l.points {
			x, y = at(p)
			path = append(path, fmt.Sprintf("%.1f,%.1f", x, y))
			fmt.Fprintf(w, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x, y, colours[l.label])
		}
		fmt.Fprintf(w, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(path, " "), colours[l.label])
		svgText(w, x+8, y+4, "start", "l", l.label)
	}
	fmt.Fprintln(w, "</svg>")
}

// short writes a power of ten.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%g M", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%g k", v/1e3)
	}
	return fmt.Sprintf("%g ", v)
}

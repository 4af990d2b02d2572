package enginetest

import (
	"fmt"
	"math"
	"strings"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

var subscriptions = chapter("subscriptions",
	Behaviour{Name: "select-by-properties", Ref: "4/78 7/types", Run: subscribeSelects},
	Behaviour{Name: "what-matches-none-waits", Ref: "4/78 6.5/aside", Run: subscribeAside},
	Behaviour{Name: "several-tell-which-one-matched", Ref: "4/78 6.5/groups", Run: subscribeSeveral},
	Behaviour{Name: "consumers-share-what-both-select", Ref: "4/78 6.5/groups", Run: subscribeShared},
	Behaviour{Name: "priorities-are-theirs", Ref: "4/78 6.5/groups", Run: subscribePriority},
	Behaviour{Name: "windows-are-theirs", Ref: "4/78 6.5/groups", Run: subscribeWindow},
	Behaviour{Name: "pausing-pauses-all", Ref: "4/78", Run: subscribePaused},
	Behaviour{Name: "can-be-changed-and-given-up", Ref: "4/78", Run: subscribeChanged},
	Behaviour{Name: "what-can-not-be-read-is-refused", Ref: "4/78 7/limits", Run: subscribeBad},
	Behaviour{Name: "an-error-matches-nothing", Ref: "4/78 7/errors", Run: subscribeErrors},
	Behaviour{Name: "outlive-the-connection", Ref: "4/78 4/79", Run: subscribeReconnect},
	Behaviour{Name: "are-per-application", Ref: "4/78", Run: subscribeFanout},
)

func subscribe(expressions ...string) bmq.SubscriptionsOption {
	var list []bmq.Subscription
	for _, x := range expressions {
		list = append(list, bmq.Subscription{Expression: x, Handle: x})
	}
	return bmq.WithSubscriptions(list...)
}

// postWith posts messages with properties, each named by its own text.
func (c *client) postWith(uri string, list ...bmq.PropertyValueDict) {
	c.e.t.Helper()
	for _, p := range list {
		_, err := c.PostAndWait(c.e.soon(), uri, []byte(fmt.Sprint(map[string]any(p))), bmq.WithProperties(p))
		c.e.NoError(err)
	}
}

func subscribeSelects(e *Env) {
	everything := []bmq.PropertyValueDict{
		{"n": 1}, {"n": 2}, {"n": 3, "s": "a"}, {"s": "b"}, {"b": true}, {"b": false, "n": -1},
	}
	for expression, want := range map[string][]int{
		`n > 1`:                              {1, 2},
		`n == 1 || n == 3`:                   {0, 2},
		`n >= 1 && n != 2`:                   {0, 2},
		`s == "a"`:                           {2},
		`s < "c"`:                            {2, 3},
		`b`:                                  {4},
		`!b`:                                 {5},
		`exists(s)`:                          {2, 3},
		`exists(n) && !exists(s) && n < 2`:   {0, 5},
		`n + 1 == 3`:                         {1},
		`n * 2 - 1 == 5`:                     {2},
		`n % 2 == 0`:                         {1},
		`(n / 3) == 1`:                       {2},
		`-n == 1`:                            {5},
		`exists(s) && (s == "a" || n == 2)`:  {2},
		`exists(b) && b == true || n == 100`: {4},
	} {
		uri := e.queue(memoryPriority)
		c := e.client()
		c.open(uri, bmq.WithRead(), bmq.WithWrite(), subscribe(expression))
		c.postWith(uri, everything...)
		var texts []string
		for _, i := range want {
			texts = append(texts, fmt.Sprint(map[string]any(everything[i])))
		}
		c.until(expression, func(es []entry) bool { return len(messagesOf(es)) >= len(texts) })
		c.settled(uri) // without properties nothing matches
		e.Equal(texts, payloads(c.messages()), expression)
		c.stop()
	}
}

func subscribeAside(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri, subscribe(`n == 2`))
	w := e.writer(uri)
	w.postWith(uri, bmq.PropertyValueDict{"n": 1}, bmq.PropertyValueDict{"n": 2})
	c.awaitPayloads("map[n:2]")
	// Another subscription fetches what was left, unless somebody else does.
	c.configure(uri, bmq.QueueOptions{}, subscribe(`n == 1`))
	c.awaitPayloads("map[n:2]", "map[n:1]")
	w.postWith(uri, bmq.PropertyValueDict{"n": 3})
	e.reader(uri).awaitPayloads("map[n:3]")
}

func subscribeSeveral(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri, subscribe(`n == 1`, `n == 2`, `n > 1 && n < 4`))
	w := e.writer(uri)
	w.postWith(uri, bmq.PropertyValueDict{"n": 1}, bmq.PropertyValueDict{"n": 3}, bmq.PropertyValueDict{"n": 4}, bmq.PropertyValueDict{"n": 2})
	list := c.awaitPayloads("map[n:1]", "map[n:3]", "map[n:2]")
	e.Equal(`n == 1`, list[0].SubscriptionHandle())
	e.Equal(`n > 1 && n < 4`, list[1].SubscriptionHandle())
	e.Contains([]any{`n == 2`, `n > 1 && n < 4`}, list[2].SubscriptionHandle(), "once, for either")
	for _, m := range list {
		e.NoError(m.Confirm())
	}
	c.stop()
	e.Len(c.messages(), 3)
	plain := e.reader(uri)
	e.Nil(plain.awaitPayloads("map[n:4]")[0].SubscriptionHandle())
}

func subscribeShared(e *Env) {
	uri := e.queue(memoryPriority)
	a, b := e.reader(uri, subscribe(`n >= 0`)), e.reader(uri, subscribe(`n >= 0`))
	w := e.writer(uri)
	for n := range 6 {
		w.postWith(uri, bmq.PropertyValueDict{"n": n})
	}
	a.awaitMessages(3)
	b.awaitMessages(3)
}

func subscribePriority(e *Env) {
	uri := e.queue(memoryPriority)
	low := e.client()
	low.open(uri, bmq.WithRead(), bmq.WithSubscriptions(bmq.Subscription{Expression: `n > 0`, ConsumerPriority: bmq.Some(1)}))
	high := e.client()
	high.open(uri, bmq.WithRead(), bmq.WithSubscriptions(bmq.Subscription{Expression: `n > 1`, ConsumerPriority: bmq.Some(2)}))
	w := e.writer(uri)
	w.postWith(uri, bmq.PropertyValueDict{"n": 1}, bmq.PropertyValueDict{"n": 2})
	low.awaitPayloads("map[n:1]")
	high.awaitPayloads("map[n:2]")
	e.NoError(high.messages()[0].Confirm())
	high.stop()
	e.Len(low.messages(), 1)
}

func subscribeWindow(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithSubscriptions(
		bmq.Subscription{Expression: `n == 1`, MaxUnconfirmedMessages: bmq.Some(1)},
		bmq.Subscription{Expression: `n == 2`},
	))
	w := e.writer(uri)
	one, two := bmq.PropertyValueDict{"n": 1}, bmq.PropertyValueDict{"n": 2}
	w.postWith(uri, one, one, two, two)
	list := c.awaitPayloads("map[n:1]", "map[n:2]", "map[n:2]")
	e.NoError(list[0].Confirm())
	c.awaitPayloads("map[n:1]", "map[n:2]", "map[n:2]", "map[n:1]")
}

func subscribePaused(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri, bmq.WithSubscriptions(bmq.Subscription{Expression: `n == 1`, MaxUnconfirmedMessages: bmq.Some(5)}))
	c.configure(uri, bmq.Paused())
	w := e.writer(uri)
	w.postWith(uri, bmq.PropertyValueDict{"n": 1})
	other := e.reader(uri)
	e.NoError(other.awaitPayloads("map[n:1]")[0].Confirm())
	other.stop()
	e.Empty(c.messages())
	c.configure(uri, defaults)
	w.postWith(uri, bmq.PropertyValueDict{"n": 2}, bmq.PropertyValueDict{"n": 1})
	c.awaitPayloads("map[n:1]")
}

func subscribeChanged(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri, subscribe(`n == 1`))
	c.configure(uri, bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(9)}) // subscriptions stay
	c.configure(uri, bmq.QueueOptions{}, subscribe())
	var texts []string
	for _, r := range e.proxy.requests() {
		if r.ConfigureStream != nil {
			for _, s := range r.ConfigureStream.StreamParameters.Subscriptions {
				texts = append(texts, fmt.Sprintf("%s %v %d", s.Expression.Text, s.Expression.Version, s.Consumers[0].MaxUnconfirmedMessages))
			}
		}
	}
	e.Equal([]string{
		fmt.Sprintf("n == 1 %v 1000", ctrl.ExpressionVersion1), fmt.Sprintf("n == 1 %v 9", ctrl.ExpressionVersion1),
		fmt.Sprintf(" %v 9", ctrl.ExpressionUndefined),
	}, texts)
	e.writer(uri).deliver(uri, "no properties")
	c.awaitPayloads("no properties")
}

func subscribeBad(e *Env) {
	c := e.client()
	uri, open := e.queue(memoryPriority), e.queue(memoryPriority)
	c.open(open, bmq.WithRead())
	for _, x := range []string{
		`x >`, `x = 7`, `x == 7.5`, `x-1 == 6`, `1 == 1`, `true`, `"a`, `x == `, `(x == 1`, `x == 99999999999999999999`,
		`a==1 && b==2 && c==3 && d==4`, `x == ` + strings.Repeat(" ", 128) + `1`, `exists(1)`, `x ++ 1`, `x == 1 == 2`,
	} {
		err := c.OpenQueue(e.soon(), uri, bmq.WithRead(), subscribe(x))
		e.ErrorIs(err, bmq.ErrValue, x)
		e.ErrorIs(c.ConfigureQueue(e.soon(), open, bmq.QueueOptions{}, subscribe(x)), bmq.ErrValue, x)
	}
	for _, s := range []bmq.Subscription{
		{Expression: `x`, MaxUnconfirmedMessages: bmq.Some(-1)}, {Expression: `x`, ConsumerPriority: bmq.Some(math.MaxInt32)},
	} {
		e.ErrorIs(c.OpenQueue(e.soon(), uri, bmq.WithRead(), bmq.WithSubscriptions(s)), bmq.ErrValue)
	}
	c.open(uri, bmq.WithRead(), subscribe(`a==1 && b==2 && c==3`))
}

func subscribeErrors(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite(),
		subscribe(`x > 5 || s == "A"`, `x / zero == 1`, `bin == "x"`, `exists(bin)`, `s == t && u == 1`, `x`))
	c.postWith(uri,
		bmq.PropertyValueDict{"s": "A"},            // x is missing
		bmq.PropertyValueDict{"x": 1, "zero": 0},   // no division by it
		bmq.PropertyValueDict{"bin": []byte("x")},  // can't be used
		bmq.PropertyValueDict{"s": "A", "t": true}, // of different types
		bmq.PropertyValueDict{"x": 6, "s": "B"},
		bmq.PropertyValueDict{"x": true},
	)
	c.awaitMessages(2)
	c.settled(uri)
	e.Equal([]string{"map[s:B x:6]", "map[x:true]"}, payloads(c.messages()))
}

func subscribeReconnect(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri, subscribe(`n == 1`))
	w := e.clientWith(setup{proxy: e.newProxy()})
	w.open(uri, bmq.WithWrite())
	e.proxy.cut()
	c.awaitEvent("StateRestored", 1)
	w.postWith(uri, bmq.PropertyValueDict{"n": 2}, bmq.PropertyValueDict{"n": 1})
	e.Equal(`n == 1`, c.awaitPayloads("map[n:1]")[0].SubscriptionHandle())
}

func subscribeFanout(e *Env) {
	uri := e.queue(memoryFanout)
	c := e.client()
	c.open(app(uri, "foo"), bmq.WithRead(), subscribe(`n == 1`))
	c.open(app(uri, "bar"), bmq.WithRead())
	e.writer(uri).postWith(uri, bmq.PropertyValueDict{"n": 1}, bmq.PropertyValueDict{"n": 2})
	got := make(map[string][]string)
	for _, m := range c.awaitMessages(3) {
		got[m.QueueURI] = append(got[m.QueueURI], m.payload())
	}
	e.Equal(map[string][]string{app(uri, "foo"): {"map[n:1]"}, app(uri, "bar"): {"map[n:1]", "map[n:2]"}}, got)
}

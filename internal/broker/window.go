package broker

// window counts what one subscription has received and not confirmed.
type window struct {
	messages, bytes         int64
	maxMessages, maxBytes   int64
	fullMessages, fullBytes bool
}

// resize sets new limits and keeps the counts.
func (w *window) resize(maxMessages, maxBytes int64) {
	w.maxMessages, w.maxBytes = maxMessages, maxBytes
	w.fullMessages, w.fullBytes = w.messages >= maxMessages, w.bytes >= maxBytes
}

// open tells whether a message may be delivered.
func (w *window) open() bool { return !w.fullMessages && !w.fullBytes }

// add counts a message that was delivered. A limit that is reached closes the
// window, so that bytes may exceed theirs by one message.
func (w *window) add(size int) {
	w.messages++
	w.bytes += int64(size)
	w.fullMessages = w.fullMessages || w.messages >= w.maxMessages
	w.fullBytes = w.fullBytes || w.bytes >= w.maxBytes
}

// remove counts a message that is not outstanding any more, and answers whether
// that opened the window. What closed it has to fall to four fifths of its limit
// first, so that deliveries go on in batches.
func (w *window) remove(size int) (opened bool) {
	wasOpen := w.open()
	w.messages--
	w.bytes -= int64(size)
	w.fullMessages = w.fullMessages && (w.messages > lowMark(w.maxMessages) || w.maxMessages <= 0)
	w.fullBytes = w.fullBytes && (w.bytes > lowMark(w.maxBytes) || w.maxBytes <= 0)
	return !wasOpen && w.open()
}

// lowMark is four fifths of limit, rounded up.
func lowMark(limit int64) int64 { return limit - limit/5 }

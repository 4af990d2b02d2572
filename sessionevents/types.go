package sessionevents

// Connected says that the session's first connection is up. It may come before or after NewSession returns.
type Connected struct{ status }

func (Connected) name() string { return "Connected" }

// String implements SessionEvent.
func (e Connected) String() string { return render(e) }

// Disconnected says that the session was stopped. It is the last event of a session and comes before Stop returns.
type Disconnected struct{ status }

func (Disconnected) name() string { return "Disconnected" }

// String implements SessionEvent.
func (e Disconnected) String() string { return render(e) }

// ConnectionLost says that the connection to the broker went down. The session reconnects by itself; posts are kept meanwhile.
type ConnectionLost struct{ status }

func (ConnectionLost) name() string { return "ConnectionLost" }

// String implements SessionEvent.
func (e ConnectionLost) String() string { return render(e) }

// Reconnected says that the connection is up again. Queues are not yet reopened.
type Reconnected struct{ status }

func (Reconnected) name() string { return "Reconnected" }

// String implements SessionEvent.
func (e Reconnected) String() string { return render(e) }

// StateRestored says that after a Reconnected all attempts to reopen queues have ended, and posts that were kept are on their way.
type StateRestored struct{ status }

func (StateRestored) name() string { return "StateRestored" }

// String implements SessionEvent.
func (e StateRestored) String() string { return render(e) }

// ConnectionTimeout says that a session did not come up in time. NewSession returns that as its error instead, so that no handler sees this event.
type ConnectionTimeout struct{ status }

func (ConnectionTimeout) name() string { return "ConnectionTimeout" }

// String implements SessionEvent.
func (e ConnectionTimeout) String() string { return render(e) }

// QueueReopened says that a queue was opened again after a reconnection.
type QueueReopened struct{ queueStatus }

func (QueueReopened) name() string { return "QueueReopened" }

// String implements SessionEvent.
func (e QueueReopened) String() string { return render(e) }

// QueueReopenFailed says that a queue could not be opened again after a reconnection. It is closed now, and its posts without an answer were answered UNKNOWN.
type QueueReopenFailed struct{ queueStatus }

func (QueueReopenFailed) name() string { return "QueueReopenFailed" }

// String implements SessionEvent.
func (e QueueReopenFailed) String() string { return render(e) }

// SlowConsumerNormal says that the events waiting for the handlers fell to the low watermark after a SlowConsumerHighWaterMark.
type SlowConsumerNormal struct{ status }

func (SlowConsumerNormal) name() string { return "SlowConsumerNormal" }

// String implements SessionEvent.
func (e SlowConsumerNormal) String() string { return render(e) }

// SlowConsumerHighWaterMark says that the events waiting for the handlers reached the high watermark. It is handed out ahead of what waits.
type SlowConsumerHighWaterMark struct{ status }

func (SlowConsumerHighWaterMark) name() string { return "SlowConsumerHighWaterMark" }

// String implements SessionEvent.
func (e SlowConsumerHighWaterMark) String() string { return render(e) }

// HostUnhealthy says that the host health monitor said that the host is unhealthy.
type HostUnhealthy struct{ status }

func (HostUnhealthy) name() string { return "HostUnhealthy" }

// String implements SessionEvent.
func (e HostUnhealthy) String() string { return render(e) }

// HostHealthRestored says that the host is healthy again and all suspended queues have resumed.
type HostHealthRestored struct{ status }

func (HostHealthRestored) name() string { return "HostHealthRestored" }

// String implements SessionEvent.
func (e HostHealthRestored) String() string { return render(e) }

// QueueSuspended says that a queue was suspended because the host is unhealthy: it gets no messages and takes no posts.
type QueueSuspended struct{ queueStatus }

func (QueueSuspended) name() string { return "QueueSuspended" }

// String implements SessionEvent.
func (e QueueSuspended) String() string { return render(e) }

// QueueSuspendFailed says that a queue could not be suspended. The session drops its connection and reconnects.
type QueueSuspendFailed struct{ queueStatus }

func (QueueSuspendFailed) name() string { return "QueueSuspendFailed" }

// String implements SessionEvent.
func (e QueueSuspendFailed) String() string { return render(e) }

// QueueResumed says that a suspended queue works again.
type QueueResumed struct{ queueStatus }

func (QueueResumed) name() string { return "QueueResumed" }

// String implements SessionEvent.
func (e QueueResumed) String() string { return render(e) }

// QueueResumeFailed says that a suspended queue could not be resumed.
type QueueResumeFailed struct{ queueStatus }

func (QueueResumeFailed) name() string { return "QueueResumeFailed" }

// String implements SessionEvent.
func (e QueueResumeFailed) String() string { return render(e) }

// ChannelHighWatermark says that the bytes that wait to be sent to the broker reached the channel high watermark: posts wait for room.
type ChannelHighWatermark struct{ status }

func (ChannelHighWatermark) name() string { return "ChannelHighWatermark" }

// String implements SessionEvent.
func (e ChannelHighWatermark) String() string { return render(e) }

// ChannelLowWatermark says that the bytes that wait to be sent fell to the low watermark after a ChannelHighWatermark.
type ChannelLowWatermark struct{ status }

func (ChannelLowWatermark) name() string { return "ChannelLowWatermark" }

// String implements SessionEvent.
func (e ChannelLowWatermark) String() string { return render(e) }

// Error says that something odd went wrong in the session.
type Error struct{ status }

func (Error) name() string { return "Error" }

// String implements SessionEvent.
func (e Error) String() string { return render(e) }

// InterfaceError says that this library met something that it can't hand on as it is, such as a property that can't be decoded.
type InterfaceError struct{ status }

func (InterfaceError) name() string { return "InterfaceError" }

// String implements SessionEvent.
func (e InterfaceError) String() string { return render(e) }

// HandlerPanicked says that a handler of the application panicked. The message in hand, if it was one, is not confirmed; the session goes on.
type HandlerPanicked struct{ status }

func (HandlerPanicked) name() string { return "HandlerPanicked" }

// String implements SessionEvent.
func (e HandlerPanicked) String() string { return render(e) }

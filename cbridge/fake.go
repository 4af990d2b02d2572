//go:build cgo && bmqfake

package cbridge

// #include "fake.h"
import "C"

// FakeFunction is something that the fake can be told to answer a code for.
type FakeFunction int32

// What can be made to answer a code.
const (
	FakeCreate          FakeFunction = C.FAKE_CREATE
	FakeStart           FakeFunction = C.FAKE_START
	FakeStop            FakeFunction = C.FAKE_STOP
	FakeDestroy         FakeFunction = C.FAKE_DESTROY
	FakeQueueCreate     FakeFunction = C.FAKE_QUEUE_CREATE
	FakeOpen            FakeFunction = C.FAKE_OPEN
	FakeConfigure       FakeFunction = C.FAKE_CONFIGURE
	FakeClose           FakeFunction = C.FAKE_CLOSE
	FakePost            FakeFunction = C.FAKE_POST
	FakePack            FakeFunction = C.FAKE_PACK // of each message
	FakeConfirm         FakeFunction = C.FAKE_CONFIRM
	FakeOpenResult      FakeFunction = C.FAKE_OPEN_RESULT
	FakeConfigureResult FakeFunction = C.FAKE_CONFIGURE_RESULT
	FakeCloseResult     FakeFunction = C.FAKE_CLOSE_RESULT
	FakeReopen          FakeFunction = C.FAKE_REOPEN
	FakeAck             FakeFunction = C.FAKE_ACK
	FakeConnect         FakeFunction = C.FAKE_CONNECT // any code: no connection
)

// FakeAnswer has the next calls of a function answer code.
func FakeAnswer(f FakeFunction, code int32, times int) {
	C.fake_answer(C.int32_t(f), C.int32_t(code), C.int32_t(times))
}

// FakeHold has the results of queue operations held back, or lets them go.
func FakeHold(hold bool) { C.fake_hold(flag(hold)) }

// FakeConnection takes the connections of all sessions down, or up again.
func FakeConnection(up bool) { C.fake_connection(flag(up)) }

// FakeEvent has an event come in all sessions, many times; an event about queues for
// all of their queues.
func FakeEvent(typ, code int32, times int) {
	C.fake_event(C.int32_t(typ), C.int32_t(code), C.int32_t(times))
}

// FakeHoldStop has Session.Stop not return, or lets it.
func FakeHoldStop(hold bool) { C.fake_hold_stop(flag(hold)) }

// FakeLog has a record written to the log.
func FakeLog(s Severity, text string) {
	C.fake_log(C.int32_t(s), stringPointer(text), C.int64_t(len(text)))
}

// FakeABI has the fake say that it was compiled with another interface.
func FakeABI(abi uint32) { C.fake_set_abi(C.uint32_t(abi)) }

// FakeHeld tells how many results are held back.
func FakeHeld() int { return int(C.fake_count_held()) }

// FakeLimited tells whether posts wait for room in the channel.
func FakeLimited() bool { return C.fake_limited() != 0 }

// FakeUnconfirmed tells how many messages consumers have in hand.
func FakeUnconfirmed() int { return int(C.fake_unconfirmed()) }

// FakeReset undoes all of that, and empties the queues. No session may be there.
func FakeReset() { C.fake_reset() }

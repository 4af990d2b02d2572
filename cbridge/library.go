//go:build cgo && (libbmq || bmqfake)

package cbridge

// #cgo CFLAGS: -I${SRCDIR}/../include
// #cgo CXXFLAGS: -I${SRCDIR}/../include -std=c++17
// #cgo libbmq,!bmqfake pkg-config: --static ${SRCDIR}/libbmq--see-docs-engines.md.pc
// #include "bmqbridge.h"
import "C"

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/bmq-go/bmq/include"
)

// Error is the failure of a function on the other side.
type Error struct {
	Code int32 // of the SDK
	Text string
}

// Error returns code and text.
func (e *Error) Error() string { return fmt.Sprintf("libbmq: %s (%d)", e.Text, e.Code) }

// failed makes an error of what a function answered, nil for success.
func failed(code C.int32_t, e *C.bmqb_error) error {
	if code == 0 {
		return nil
	}
	return &Error{Code: int32(code), Text: C.GoStringN(&e.text[0], e.size)}
}

// CheckABI refuses a library that was compiled with another header than this package
// was. The build cache can bring that about.
func CheckABI() error {
	if got := uint32(C.bmqb_abi()); got != include.ABI {
		return fmt.Errorf("the bridge to libbmq has interface %d and its Go side %d: build with -a", got, include.ABI)
	}
	return nil
}

// Describe returns the version of libbmq and how it is linked.
func Describe() (version, linkage string) {
	var text [512]C.char
	n := C.bmqb_describe(&text[0], C.int32_t(len(text)))
	version, linkage, _ = strings.Cut(C.GoStringN(&text[0], n), "\n")
	return version, linkage
}

// Alive tells what is alive on the other side.
func Alive() Counts {
	var c Counts
	C.bmqb_count((*C.bmqb_counts)(unsafe.Pointer(&c)))
	return c
}

// bytesPointer is where the bytes of b start, nil if there are none.
func bytesPointer(b []byte) *C.char { return (*C.char)(unsafe.Pointer(unsafe.SliceData(b))) }

func stringPointer(s string) *C.char { return (*C.char)(unsafe.Pointer(unsafe.StringData(s))) }

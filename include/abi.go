// Package include has the C header of the bridge to libbmq, bmqbridge.h.
package include

// ABI is the number of the interface in bmqbridge.h, which says it too. It is
// raised with every change of the header: Go's build cache does not look at headers
// in other folders, but it does see a change of this file, which package cbridge
// imports.
const ABI = 4

// Package lint has the rules of this repository as tests: who may import whom, what a
// file may look like, where the module has to build, and that the programs in README.md
// work.
package lint

// Package worktest checks that the clients do the work that they are measured by.
package worktest

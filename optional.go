package bmq

import "fmt"

// Optional is a value that may be left out, as None may be given in Python. The
// zero value is "left out"; Some makes one that is set. It is comparable, so that
// option structs can be compared with ==.
type Optional[T comparable] struct {
	value T
	set   bool
}

// Some returns an Optional that holds v.
func Some[T comparable](v T) Optional[T] { return Optional[T]{value: v, set: true} }

// Get returns the value and whether it is set.
func (o Optional[T]) Get() (T, bool) { return o.value, o.set }

// Or returns the value, or d if it is left out.
func (o Optional[T]) Or(d T) T {
	if o.set {
		return o.value
	}
	return d
}

// IsSet tells whether there is a value.
func (o Optional[T]) IsSet() bool { return o.set }

// String returns the value as text, "None" if it is left out.
func (o Optional[T]) String() string {
	if !o.set {
		return "None"
	}
	return fmt.Sprint(o.value)
}

// fields collects the members of a struct that are set, for its String method.
type fields struct{ text string }

func addField[T comparable](f *fields, name string, o Optional[T]) {
	if v, ok := o.Get(); ok {
		f.add(name, v)
	}
}

func (f *fields) add(name string, v any) {
	if f.text != "" {
		f.text += ", "
	}
	f.text += fmt.Sprintf("%s=%v", name, v)
}

module github.com/bmq-go/bmq

go 1.25.0

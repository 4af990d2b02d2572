package broker

import "github.com/bmq-go/bmq/internal/wire"

// Producers number the lists of property names they use, each on its own. A queue
// gives these ids numbers of its own, so that a consumer can learn from all
// producers at once. An odd field on the wire says that the meaning of the id is
// new.

// maxSchemas is how many ids a queue hands out; what comes then travels without.
const maxSchemas = 32767

// schemaTable hands out a queue's ids. An id gets a new generation whenever a
// producer gives it a new meaning.
type schemaTable struct{ generations []uint16 }

// schemaWriter maps the ids of one producer to those of the queue.
type schemaWriter map[wire.SchemaID]wire.SchemaID

// translate returns the queue's form of a schema field that a producer sent, and
// its generation.
func (w *schemaWriter) translate(t *schemaTable, field wire.SchemaID) (wire.SchemaID, uint16) {
	id, isNew := field>>1, field&1
	if id == 0 {
		return field, 0
	}
	own, known := (*w)[id]
	switch {
	case !known && len(t.generations) == maxSchemas:
		return wire.SchemaNone, 0
	case !known:
		t.generations = append(t.generations, 0)
		own, isNew = wire.SchemaID(len(t.generations)), 1
		if *w == nil {
			*w = make(schemaWriter)
		}
		(*w)[id] = own
	}
	generation := &t.generations[own-1]
	*generation += uint16(isNew)
	return own<<1 | isNew, *generation
}

// schemaReader holds the generation of each of the queue's ids that a consumer has
// learnt.
type schemaReader map[wire.SchemaID]uint16

// translate returns the schema field that a consumer gets: odd where it has to
// learn.
func (r *schemaReader) translate(field wire.SchemaID, generation uint16) wire.SchemaID {
	id := field >> 1
	if id == 0 {
		return field
	}
	if learnt, ok := (*r)[id]; ok && learnt == generation {
		return field
	}
	if *r == nil {
		*r = make(schemaReader)
	}
	(*r)[id] = generation
	return field | 1
}

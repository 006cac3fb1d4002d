package eventstream

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Type is the type of a header value, as its byte in the frame.
type Type uint8

// The header types of the format.
const (
	TypeTrue Type = iota
	TypeFalse
	TypeInt8
	TypeInt16
	TypeInt32
	TypeInt64
	TypeBytes
	TypeString
	TypeTimestamp
	TypeUUID
)

var typeNames = [...]string{
	"true", "false", "int8", "int16", "int32", "int64", "bytes", "string", "timestamp", "uuid",
}

// String names the type.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Header is one header of a frame.
type Header struct {
	Name  string
	Value Value
}

// Value is a header's value. Its zero value is the boolean true; make others
// with Bool, Int8 … UUID. A Value that came out of a frame is a view of that
// frame.
type Value struct {
	typ  Type
	num  int64  // integers, and milliseconds of a timestamp
	data []byte // bytes, string, uuid
}

// Bool makes a boolean value.
func Bool(v bool) Value {
	if v {
		return Value{typ: TypeTrue}
	}
	return Value{typ: TypeFalse}
}

// Int8 makes an 8-bit integer value.
func Int8(v int8) Value { return Value{typ: TypeInt8, num: int64(v)} }

// Int16 makes a 16-bit integer value.
func Int16(v int16) Value { return Value{typ: TypeInt16, num: int64(v)} }

// Int32 makes a 32-bit integer value.
func Int32(v int32) Value { return Value{typ: TypeInt32, num: int64(v)} }

// Int64 makes a 64-bit integer value.
func Int64(v int64) Value { return Value{typ: TypeInt64, num: v} }

// Bytes makes a byte-buffer value, which keeps v.
func Bytes(v []byte) Value { return Value{typ: TypeBytes, data: v} }

// String makes a string value.
func String(v string) Value { return Value{typ: TypeString, data: []byte(v)} }

// Timestamp makes a time value; the format keeps whole milliseconds.
func Timestamp(v time.Time) Value { return Value{typ: TypeTimestamp, num: v.UnixMilli()} }

// UUID makes a UUID value.
func UUID(v [16]byte) Value { return Value{typ: TypeUUID, data: v[:]} }

// Type is the value's type.
func (v Value) Type() Type { return v.typ }

// Bool is true for the boolean true, and false for everything else.
func (v Value) Bool() bool { return v.typ == TypeTrue }

// Int is the number of an integer of any width, and 0 for everything else.
func (v Value) Int() int64 {
	if v.typ >= TypeInt8 && v.typ <= TypeInt64 {
		return v.num
	}
	return 0
}

// Time is the time of a timestamp in UTC, and the zero time for everything
// else.
func (v Value) Time() time.Time {
	if v.typ != TypeTimestamp {
		return time.Time{}
	}
	return time.UnixMilli(v.num).UTC()
}

// Bytes are the bytes of a string, byte buffer or UUID, and nil for everything
// else. They belong to the value: do not change them.
func (v Value) Bytes() []byte { return v.data }

// append appends the type byte and the value.
func (v Value) append(dst []byte) []byte {
	dst = append(dst, byte(v.typ))
	switch v.typ {
	case TypeInt8:
		dst = append(dst, byte(v.num))
	case TypeInt16:
		dst = binary.BigEndian.AppendUint16(dst, uint16(v.num))
	case TypeInt32:
		dst = binary.BigEndian.AppendUint32(dst, uint32(v.num))
	case TypeInt64, TypeTimestamp:
		dst = binary.BigEndian.AppendUint64(dst, uint64(v.num))
	case TypeBytes, TypeString:
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(v.data)))
		dst = append(dst, v.data...)
	case TypeUUID:
		dst = append(dst, v.data...)
	case TypeTrue, TypeFalse:
	}
	return dst
}

// readValue reads a value of type t from the start of b and returns how many
// bytes it took, or -1 when b is too short or the type unknown.
func readValue(t Type, b []byte) (Value, int) {
	v := Value{typ: t}
	size := 0
	switch t {
	case TypeTrue, TypeFalse:
		return v, 0
	case TypeInt8:
		size = 1
	case TypeInt16, TypeBytes, TypeString:
		size = 2
	case TypeInt32:
		size = 4
	case TypeInt64, TypeTimestamp:
		size = 8
	case TypeUUID:
		size = 16
	default:
		return v, -1
	}
	if len(b) < size {
		return v, -1
	}
	switch t {
	case TypeInt8:
		v.num = int64(int8(b[0]))
	case TypeInt16:
		v.num = int64(int16(binary.BigEndian.Uint16(b)))
	case TypeInt32:
		v.num = int64(int32(binary.BigEndian.Uint32(b)))
	case TypeInt64, TypeTimestamp:
		v.num = int64(binary.BigEndian.Uint64(b))
	case TypeUUID:
		v.data = b[:16:16]
	default: // TypeBytes, TypeString: the two bytes are a length
		n := int(binary.BigEndian.Uint16(b))
		if len(b) < size+n {
			return v, -1
		}
		v.data = b[size : size+n : size+n]
		size += n
	}
	return v, size
}

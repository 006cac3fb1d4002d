// Package rig is what package memory is tested with: random conversations, a
// checker of what may be sent, a prompt cache with prices, and long
// conversations with facts to recall. It shares no code with memory and does
// not import it, so that a mistake there is not made here too.
package rig

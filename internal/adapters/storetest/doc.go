// Package storetest compares the stores with each other: it drives them with the same random commands and
// wants the same answers and the same rows. The store in memory is the model, because it applies the pure
// functions of package domain and nothing else.
//
// What may enter: tests that need more than one store at once.
package storetest

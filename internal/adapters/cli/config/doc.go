// Package config finds out which database the openworkflow command works on, and how: from flags, the
// environment, .env and openworkflow.yaml, in this order.
//
// What may enter: reading and checking those sources. It opens no database. Its errors name the file, the
// line and what to do, and never repeat a value, which may hold a password.
package config

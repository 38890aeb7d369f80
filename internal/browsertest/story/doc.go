// Package story fills a database with made-up runs for people and browsers to look at: a shop's workflows over a day,
// among them one of everything that the dashboard draws. Everything is fixed but now.
//
// What may enter: rows. They are written with SQL, because no worker can be asked to have been at work yesterday.
package story

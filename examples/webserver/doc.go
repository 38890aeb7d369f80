// Webserver starts workflow runs from HTTP requests and shows how they stand. Server and worker live in one
// process and stop together, gracefully: on SIGTERM requests are finished, steps under way too, and runs that wait
// go on after the next start.
//
//	go run ./examples/webserver
//	curl -d '{"id":"1001","city":"Lisbon"}' localhost:8080/reports     # 303, Location: /reports/…
//	curl localhost:8080/reports/…                                      # 202 while it runs, then 200 and the result
//	curl localhost:8080/reports                                        # the latest
package main

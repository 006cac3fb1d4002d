package main

func tuneCollector() {}

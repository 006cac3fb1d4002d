module github.com/outcrop-ai/outcrop

go 1.26

// Checklog reads a tlog-tiles log with the Go project's own packages, which know nothing of Ombud.
//
//	checklog FOLDER VKEY < QUESTIONS
//
// It opens the checkpoint by the key, computes the root from the tiles, hashes every entry and compares it with
// its tile, and then answers one question a line:
//
//	inclusion INDEX LEAF HASH...    our proof for an entry, checked by Go; and Go's proof from our tiles
//	consistency SIZE ROOT HASH...   our proof from an older size; and Go's
//
// All hashes are hexadecimal. It prints what it checked, or says what is wrong and ends with exit code 1.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8 // of a tile: 256 hashes

// folder is a log's folder, as a tlog.TileReader.
type folder string

func (f folder) Height() int { return height }

func (f folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, tile := range tiles {
		data, err := f.read(tile)
		if err != nil {
			return nil, err
		}
		all[i] = data
	}
	return all, nil
}

// read returns a tile; Go writes the height into its path, the C2SP format does not.
func (f folder) read(tile tlog.Tile) ([]byte, error) {
	path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
	data, err := os.ReadFile(filepath.Join(string(f), path))
	if os.IsNotExist(err) && tile.W < 1<<height {
		full := tile
		full.W = 1 << height
		if data, err = f.read(full); err == nil {
			data = data[:tile.W*tlog.HashSize]
		}
	}
	return data, err
}

// climb compares every full tile with its hash in the tile above. The reader of x/mod 0.7.0 does that for most tiles
// only: where several hashes that make the root stand in one tile, it takes as many tiles after it unseen.
func (f folder) climb(size int64) {
	for level := 0; size>>(height*level) >= 1<<height; level++ {
		above := size >> (height * (level + 1))
		for n := int64(0); n < above; n++ {
			parent := tlog.Tile{H: height, L: level + 1, N: n >> height, W: 1 << height}
			if wide := above - parent.N<<height; wide < 1<<height {
				parent.W = int(wide)
			}
			data, err := f.read(tlog.Tile{H: height, L: level, N: n, W: 1 << height})
			check(err)
			upper, err := f.read(parent)
			check(err)
			stored, err := tlog.HashFromTile(parent, upper, tlog.StoredHashIndex(parent.L*height, n))
			check(err)
			if root(data) != stored {
				log.Fatalf("tile %d of level %d is not what stands above it", n, level)
			}
		}
	}
}

// root returns the hash over a full tile.
func root(data []byte) tlog.Hash {
	row := make([]tlog.Hash, 1<<height)
	for i := range row {
		copy(row[i][:], data[i*tlog.HashSize:])
	}
	for ; len(row) > 1; row = row[:len(row)/2] {
		for i := 0; i < len(row)/2; i++ {
			row[i] = tlog.NodeHash(row[2*i], row[2*i+1])
		}
	}
	return row[0]
}

// bundle returns the entries of a bundle.
func (f folder) bundle(index int64, width int) [][]byte {
	tile := tlog.Tile{H: height, L: 0, N: index, W: width}
	path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(string(f), path))
	check(err)
	var entries [][]byte
	for len(data) > 0 {
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries = append(entries, data[2:end])
		data = data[end:]
	}
	if len(entries) != width {
		log.Fatalf("%s has %d entries, not %d", path, len(entries), width)
	}
	return entries
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func hash(text string) tlog.Hash {
	data, err := hex.DecodeString(text)
	check(err)
	var h tlog.Hash
	if copy(h[:], data) != tlog.HashSize || len(data) != tlog.HashSize {
		log.Fatalf("%q is no hash", text)
	}
	return h
}

func hashes(texts []string) (all []tlog.Hash) {
	for _, text := range texts {
		all = append(all, hash(text))
	}
	return all
}

func main() {
	log.SetFlags(0)
	f := folder(os.Args[1])
	verifier, err := note.NewVerifier(os.Args[2])
	check(err)
	signed, err := os.ReadFile(filepath.Join(string(f), "checkpoint"))
	check(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	rootBytes, err := base64.StdEncoding.DecodeString(lines[2])
	check(err)
	top := hash(hex.EncodeToString(rootBytes))

	tree := tlog.TileHashReader(tlog.Tree{N: size, Hash: top}, f) // refuses tiles that do not lead to the root
	computed, err := tlog.TreeHash(size, tree)
	check(err)
	if computed != top {
		log.Fatalf("the root over the tiles is %v, not %v", computed, top)
	}
	for first := int64(0); first < size; first += 1 << height {
		width := 1 << height
		if size-first < int64(width) {
			width = int(size - first)
		}
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		stored, err := tree.ReadHashes(indexes)
		check(err)
		for i, entry := range f.bundle(first>>height, width) {
			if tlog.RecordHash(entry) != stored[i] {
				log.Fatalf("entry %d is not what its tile says", first+int64(i))
			}
		}
	}

	f.climb(size)

	counts := map[string]int{}
	questions := bufio.NewScanner(os.Stdin)
	for questions.Scan() {
		words := strings.Fields(questions.Text())
		number, err := strconv.ParseInt(words[1], 10, 64)
		check(err)
		given, ours := hash(words[2]), hashes(words[3:])
		switch words[0] {
		case "inclusion":
			check(tlog.CheckRecord(ours, size, top, number, given))
			theirs, err := tlog.ProveRecord(size, number, tree)
			check(err)
			check(tlog.CheckRecord(theirs, size, top, number, given))
		case "consistency":
			check(tlog.CheckTree(ours, size, top, number, given))
			theirs, err := tlog.ProveTree(size, number, tree)
			check(err)
			check(tlog.CheckTree(theirs, size, top, number, given))
		default:
			log.Fatalf("unknown question %q", words[0])
		}
		counts[words[0]]++
	}
	check(questions.Err())
	fmt.Printf("%s: %d entries, %d inclusion, %d consistency\n", lines[0], size, counts["inclusion"], counts["consistency"])
}

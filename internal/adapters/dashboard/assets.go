package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets
var assetFiles embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

// assets are the embedded files under names that change with their content, so that browsers may keep them for good.
type assets struct {
	named  map[string]string // app.css → assets/app.0123456789.css
	byName map[string]asset  // app.0123456789.css →
}

type asset struct {
	content     []byte
	contentType string
}

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func loadAssets() (*assets, error) {
	a := &assets{named: map[string]string{}, byName: map[string]asset{}}
	err := fs.WalkDir(assetFiles, "assets", func(file string, e fs.DirEntry, err error) error {
		ext := path.Ext(file)
		if err != nil || e.IsDir() || contentTypes[ext] == "" {
			return err
		}
		content, err := assetFiles.ReadFile(file)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		base := path.Base(file)
		name := strings.TrimSuffix(base, ext) + "." + hex.EncodeToString(sum[:5]) + ext
		a.named[base] = "assets/" + name
		a.byName[name] = asset{content, contentTypes[ext]}
		return nil
	})
	return a, err
}

// path is where an asset is, seen from the first page.
func (a *assets) path(name string) (string, error) {
	p, ok := a.named[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %q", name)
	}
	return p, nil
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) error {
	found, ok := a.byName[r.PathValue("file")]
	if !ok {
		return errNoPage
	}
	w.Header().Set("Content-Type", found.contentType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(found.content))
	return nil
}

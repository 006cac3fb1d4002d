package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/keys"
)

func newKeys(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "Create, list, rotate and revoke the keys of tenants",
		Long: `keys looks after the key store: keys.json in the data directory, or
server.keyStore. A key is shown once, when it is made. Of a bearer key the store
has the SHA-256 only; secrets of access keys are sealed with the master key in
$OUTCROP_MASTER_KEY or in the file that server.masterKeyFile names (32 random
bytes in base64 or hex). Without one they are protected by the file's mode alone.

A running server on the data directory takes every change at once.`,
	}
	c.AddCommand(newKeysCreate(a), newKeysList(a), newKeysRotate(a), newKeysRevoke(a), newKeysSeal(a))
	return c
}

// inStore runs f with the key store of the data directory, and tells the server
// of the change.
func (a *app) inStore(c *cobra.Command, f func(store keys.Store) error) error {
	dir, store, err := a.keysHere(c)
	if err != nil {
		return err
	}
	if err := f(store); err != nil {
		return err
	}
	if warning := store.Warning(); warning != "" {
		a.say("warning: %s", warning)
	}
	a.tellServer(c.Context(), dir)
	return nil
}

// keysHere is the data directory and its key store.
func (a *app) keysHere(c *cobra.Command) (dir string, store keys.Store, err error) {
	if a.endpoint != "" {
		return "", store, usageError{errors.New("--endpoint is for commands that ask a server; keys and tenants are looked after on the server's own machine, with its --data")}
	}
	if dir, _, err = a.config(c); err != nil {
		return "", store, err
	}
	store, err = a.keyStore(dir)
	return dir, store, err
}

// readKeys reads the key store of the data directory.
func (a *app) readKeys(c *cobra.Command) (*keys.File, error) {
	_, store, err := a.keysHere(c)
	if err != nil {
		return nil, err
	}
	return store.Read()
}

func newKeysCreate(a *app) *cobra.Command {
	var n keys.New
	var kind, expires string
	c := &cobra.Command{
		Use:   "create",
		Short: "Make a key for a tenant, and show it once",
		Long: `create prints a bearer key by itself, as $AWS_BEARER_TOKEN_BEDROCK takes it, or
an access key as two lines that a shell can read.`,
		Example: `  export AWS_BEARER_TOKEN_BEDROCK=$(outcrop keys create --tenant team-a)
  outcrop keys create --tenant team-a --type sigv4 --expires 90d --note "ci"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			now := time.Now()
			n.Kind = keys.Kind(kind)
			if expires != "" {
				t, err := moment(expires, now, 1)
				if err != nil {
					return usageError{fmt.Errorf("--expires: %w", err)}
				}
				n.Expires = t
			}
			return a.inStore(c, func(store keys.Store) error {
				if _, ok := a.settings.Tenants[n.Tenant]; !ok {
					return usageError{a.noTenant(n.Tenant)}
				}
				var made keys.Made
				err := store.Update(func(f *keys.File) (err error) {
					if made, err = f.Create(n, now); err != nil {
						return usageError{errors.New("--" + strings.Replace(err.Error(), "kind:", "type:", 1))}
					}
					return nil
				})
				if err != nil {
					return err
				}
				return a.show(made)
			})
		},
	}
	flags := c.Flags()
	flags.StringVar(&n.Tenant, "tenant", "", "whose key it is; a tenant of the configuration")
	a.completeTenant(c)
	flags.StringVar(&kind, "type", string(keys.Bearer), "bearer, or sigv4 for an access key")
	complete(c, "type", oneOf(keys.Bearer, keys.SigV4))
	flags.StringVar(&expires, "expires", "", "when it stops working: 90d, 12h, or a date (default never)")
	flags.StringVar(&n.Note, "note", "", "what it is for; shown in the list")
	return c
}

// noTenant says that a tenant is not configured, and which are.
func (a *app) noTenant(name string) error {
	list := slices.Sorted(maps.Keys(a.settings.Tenants))
	switch {
	case len(list) == 0:
		return errors.New("--tenant: the configuration has no tenants; name them under tenants in outcrop.yaml")
	case name == "":
		return fmt.Errorf("--tenant is missing; the tenants are %s", strings.Join(list, ", "))
	}
	return fmt.Errorf("--tenant: there is no tenant %q; the tenants are %s", name, strings.Join(list, ", "))
}

// madeKey is a new key in JSON.
type madeKey struct {
	ID              string    `json:"id"`
	Type            keys.Kind `json:"type"`
	Tenant          string    `json:"tenant"`
	Expires         time.Time `json:"expires,omitzero"`
	Token           string    `json:"token,omitempty"`
	AccessKeyID     string    `json:"accessKeyId,omitempty"`
	SecretAccessKey string    `json:"secretAccessKey,omitempty"`
}

// show prints a new key, once.
func (a *app) show(m keys.Made) error {
	k := madeKey{ID: m.ID, Type: m.Kind, Tenant: m.Tenant, Expires: m.Expires, Token: m.Token}
	if m.Kind == keys.SigV4 {
		k.AccessKeyID, k.SecretAccessKey = m.ID, m.Secret
	}
	if a.json {
		return a.printJSON(k)
	}
	until := "does not expire"
	if !m.Expires.IsZero() {
		until = "expires " + m.Expires.Local().Format(time.DateTime)
	}
	a.say("The key with the id %s, of tenant %s, %s. It follows, and is not shown again.", m.ID, m.Tenant, until)
	if m.Kind == keys.SigV4 {
		_, err := fmt.Fprintf(a.stdout, "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n", k.AccessKeyID, k.SecretAccessKey)
		return err
	}
	_, err := fmt.Fprintln(a.stdout, k.Token)
	return err
}

// keyRow is a key as it is listed, without what opens doors.
type keyRow struct {
	ID       string    `json:"id"`
	Type     keys.Kind `json:"type"`
	Tenant   string    `json:"tenant"`
	State    string    `json:"state"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires,omitzero"`
	Revoked  time.Time `json:"revoked,omitzero"`
	Replaced string    `json:"replacedBy,omitempty"`
	Note     string    `json:"note,omitempty"`
}

func newKeysList(a *app) *cobra.Command {
	var tenant string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the keys, without their secrets",
		Example: `  outcrop keys list --tenant team-a`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			file, err := a.readKeys(c)
			if err != nil {
				return err
			}
			return a.listKeys(file, tenant, time.Now())
		},
	}
	c.Flags().StringVar(&tenant, "tenant", "", "of one tenant only")
	a.completeTenant(c)
	return c
}

func (a *app) listKeys(file *keys.File, tenant string, now time.Time) error {
	rows := []keyRow{}
	for i := range file.Keys {
		k := &file.Keys[i]
		if tenant != "" && k.Tenant != tenant {
			continue
		}
		state := k.State(now)
		if _, ok := a.settings.Tenants[k.Tenant]; !ok {
			state += " (no such tenant)"
		}
		rows = append(rows, keyRow{k.ID, k.Kind, k.Tenant, state, k.Created, k.Expires, k.Revoked, k.Replaced, k.Note})
	}
	if a.json {
		return a.printJSON(rows)
	}
	if len(rows) == 0 {
		a.say("There are no keys.")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tTYPE\tTENANT\tSTATE\tCREATED\tEXPIRES\tNOTE")
	for _, r := range rows {
		expires := "never"
		if !r.Expires.IsZero() {
			expires = r.Expires.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Type, r.Tenant, r.State, r.Created.Local().Format(time.DateTime), expires, r.Note)
	}
	return w.Flush()
}

func newKeysRotate(a *app) *cobra.Command {
	var grace, expires string
	c := &cobra.Command{
		Use:   "rotate KEY",
		Short: "Make a key in the place of another, which works on for a while",
		Long: `rotate makes a key of the same kind for the same tenant and shows it once. The
old one works until --grace has passed, so that programs can change over.`,
		Example: `  outcrop keys rotate okb-k3n5w2q7xa --grace 48h`,
		Args:    exactly(1, "the id of a key"),
		RunE: func(c *cobra.Command, args []string) error {
			now := time.Now()
			wait, err := span(grace)
			if err != nil {
				return usageError{fmt.Errorf("--grace: %w", err)}
			}
			var until time.Time
			if expires != "" {
				if until, err = moment(expires, now, 1); err != nil {
					return usageError{fmt.Errorf("--expires: %w", err)}
				}
			}
			return a.inStore(c, func(store keys.Store) error {
				var made keys.Made
				var ends time.Time
				err := store.Update(func(f *keys.File) (err error) {
					if made, err = f.Rotate(args[0], wait, until, now); err != nil {
						return usageError{err}
					}
					old := slices.IndexFunc(f.Keys, func(k keys.Key) bool { return k.ID == args[0] })
					ends = f.Keys[old].Expires // which may be before the grace time is over
					return nil
				})
				if err != nil {
					return err
				}
				a.say("The key %s works until %s.", args[0], ends.Local().Format(time.DateTime))
				return a.show(made)
			})
		},
	}
	c.Flags().StringVar(&grace, "grace", "24h", "how long the old key works on")
	c.Flags().StringVar(&expires, "expires", "", "when the new key stops working (default: it lives as long as the old one was to)")
	return c
}

func newKeysRevoke(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke KEY",
		Short:   "End a key at once",
		Example: `  outcrop keys revoke okb-k3n5w2q7xa`,
		Args:    exactly(1, "the id of a key"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.inStore(c, func(store keys.Store) error {
				var k keys.Key
				err := store.Update(func(f *keys.File) (err error) {
					if k, err = f.Revoke(args[0], time.Now()); err != nil {
						return usageError{err}
					}
					return nil
				})
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(keyRow{k.ID, k.Kind, k.Tenant, "revoked", k.Created, k.Expires, k.Revoked, k.Replaced, k.Note})
				}
				a.say("The key %s of tenant %s works no more.", k.ID, k.Tenant)
				return nil
			})
		},
	}
}

func newKeysSeal(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "seal",
		Short: "Seal a key store that was made without a master key",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.inStore(c, func(store keys.Store) error {
				if _, err := os.Stat(store.Path); errors.Is(err, fs.ErrNotExist) {
					a.say("There are no keys yet. %s is sealed from its first key on.", store.Path)
					return nil
				}
				done, err := store.Seal()
				if err != nil {
					return err
				}
				if !done {
					a.say("%s is sealed already.", store.Path)
					return nil
				}
				a.say("%s is sealed. Without the master key it cannot be read any more.", store.Path)
				return nil
			})
		},
	}
}

//! Finds import cycles between the source files of a package. It reads the sources as a compiler does: `mod`, `use`, and
//! the paths in code, attributes and macros. A name is followed through re-exports to the file that defines it, so a parent that
//! only declares and re-exports its children does not depend on them.
//!
//! Tests are left out, and so are methods and fields: only a compiler knows which type they belong to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// The names that each file imports, by the file that imports and the file that defines them.
type Imports = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// A strongly connected set of files, with the names that they import from each other.
pub(crate) struct Cycle {
    imports: Imports,
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} files in a cycle:", self.imports.len())?;
        for (from, targets) in &self.imports {
            for (to, names) in targets {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                write!(f, "\n  {from} -> {to}: {}", names.join(", "))?;
            }
        }
        Ok(())
    }
}

/// The cycles of the package whose sources are in `folder`.
pub(crate) fn cycles(folder: &Path) -> Vec<Cycle> {
    let mut tree = Tree { modules: Vec::new() };
    let roots = ["lib.rs", "main.rs"].map(|name| folder.join(name));
    for root in roots.iter().filter(|root| root.exists()) {
        tree.add_file(root, folder, None);
    }
    assert!(tree.modules.len() > 1 || roots[0].exists(), "no sources in {}", folder.display());
    let mut imports = Imports::new();
    for index in 0..tree.modules.len() {
        for (to, name) in tree.dependencies(index) {
            let (from, to) = (tree.modules[index].shown(folder), tree.modules[to].shown(folder));
            if from != to {
                imports.entry(from).or_default().entry(to).or_default().insert(name);
            }
        }
    }
    strongly_connected(&imports).into_iter().map(|files| Cycle { imports: within(&imports, &files) }).collect()
}

/// The imports between these files only.
fn within(imports: &Imports, files: &BTreeSet<String>) -> Imports {
    let mut found = Imports::new();
    for (from, targets) in imports.iter().filter(|(from, _)| files.contains(*from)) {
        let inside = targets.iter().filter(|(to, _)| files.contains(*to));
        found.insert(from.clone(), inside.map(|(to, names)| (to.clone(), names.clone())).collect());
    }
    found
}

/// The strongly connected sets of two or more files.
fn strongly_connected(imports: &Imports) -> Vec<BTreeSet<String>> {
    let reach: BTreeMap<&String, BTreeSet<&String>> =
        imports.keys().map(|from| (from, reachable(imports, from))).collect();
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for (from, reached) in &reach {
        if !reached.contains(from) || found.iter().any(|files| files.contains(*from)) {
            continue;
        }
        let back = reached.iter().filter(|to| reach.get(**to).is_some_and(|reached| reached.contains(from)));
        found.push(back.map(|to| (*to).clone()).collect());
    }
    found
}

fn reachable<'a>(imports: &'a Imports, from: &str) -> BTreeSet<&'a String> {
    let (mut open, mut seen) = (vec![from], BTreeSet::new());
    while let Some(next) = open.pop() {
        for to in imports.get(next).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(to) {
                open.push(to);
            }
        }
    }
    seen
}

/// `use a::b as c`, or `use a::*`.
struct Import {
    path: Vec<String>,
    /// The name in this module; none for a glob.
    name: Option<String>,
    /// Whether it re-exports the name. Re-exports need no user in this module; the compiler warns of other unused imports.
    is_reexport: bool,
}

/// One module: a file, or a `mod` with a body inside of one.
#[derive(Default)]
struct Module {
    file: PathBuf,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// What the module itself defines.
    items: BTreeSet<String>,
    imports: Vec<Import>,
    /// The paths that its code uses.
    paths: BTreeSet<Vec<String>>,
}

impl Module {
    fn shown(&self, folder: &Path) -> String {
        self.file.strip_prefix(folder).unwrap_or(&self.file).to_string_lossy().replace('\\', "/")
    }
}

/// The modules of a package.
struct Tree {
    modules: Vec<Module>,
}

/// Where a path leads.
#[derive(Clone)]
enum Place {
    Module(usize),
    /// To what this module defines by this name.
    Item(usize, String),
}

impl Tree {
    /// Reads a file and those that it declares; `folder` is where its children are.
    fn add_file(&mut self, file: &Path, folder: &Path, parent: Option<usize>) -> usize {
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.add(file, folder, parent, &parsed.items)
    }

    fn add(&mut self, file: &Path, folder: &Path, parent: Option<usize>, items: &[syn::Item]) -> usize {
        let index = self.modules.len();
        self.modules.push(Module { file: file.to_owned(), parent, ..Module::default() });
        let mut reader = Reader::default();
        for item in items {
            reader.visit_item(item);
        }
        let Reader { imports, paths, modules } = reader;
        let module = &mut self.modules[index];
        (module.imports, module.paths) = (imports, paths);
        module.items = items.iter().filter_map(name_of).collect();
        for child in modules {
            let name = plain(&child.ident);
            let below = folder.join(&name);
            let place = match &child.content {
                Some((_, items)) => self.add(file, &below, Some(index), items),
                None => {
                    let own = [folder.join(format!("{name}.rs")), below.join("mod.rs")];
                    let found = own.iter().find(|path| path.exists());
                    let found = found.unwrap_or_else(|| panic!("{}: where is mod {name}?", file.display()));
                    self.add_file(found, &below, Some(index))
                }
            };
            self.modules[index].children.insert(name, place);
        }
        index
    }

    /// The modules that define what this one uses, each with the name.
    fn dependencies(&self, index: usize) -> Vec<(usize, String)> {
        let module = &self.modules[index];
        let own = module.imports.iter().filter(|import| !import.is_reexport && import.name.is_some());
        let paths = module.paths.iter().chain(own.map(|import| &import.path));
        paths.filter_map(|path| self.definition(index, path)).collect()
    }

    /// The module that defines the first item on a path, and the item's name.
    fn definition(&self, from: usize, path: &[String]) -> Option<(usize, String)> {
        match self.find(from, path, 0)? {
            Place::Item(module, name) => Some((module, name)),
            Place::Module(_) => None,
        }
    }

    fn find(&self, from: usize, path: &[String], depth: usize) -> Option<Place> {
        let (first, rest) = path.split_first()?;
        let start = match first.as_str() {
            "crate" => Place::Module(self.root(from)),
            "self" => Place::Module(from),
            "super" => Place::Module(self.modules[from].parent?),
            name => self.name_in(from, name, rest.is_empty(), depth)?,
        };
        self.find_below(start, rest, depth)
    }

    fn find_below(&self, start: Place, path: &[String], depth: usize) -> Option<Place> {
        let last = path.len().saturating_sub(1);
        path.iter().enumerate().try_fold(start, |place, (index, name)| match (place, name.as_str()) {
            (Place::Module(module), "super") => self.modules[module].parent.map(Place::Module),
            (Place::Module(module), name) => self.name_in(module, name, index == last, depth),
            (item @ Place::Item(..), _) => Some(item),
        })
    }

    /// What this name refers to in a module. At the end of a path an item comes before a module of the same name, before that the module:
    /// `judge::judge`.
    fn name_in(&self, module: usize, name: &str, is_last: bool, depth: usize) -> Option<Place> {
        // Globs may form a cycle themselves.
        if depth > 8 {
            return None;
        }
        let found = &self.modules[module];
        let own = found.items.contains(name).then(|| Place::Item(module, name.to_owned()));
        let child = found.children.get(name).map(|child| Place::Module(*child));
        let named = found.imports.iter().filter(|import| import.name.as_deref() == Some(name));
        let named = named.filter_map(|import| match (import.path.first(), &child) {
            // `pub use judge::judge;` beside `mod judge;`: the path begins with the module.
            (Some(first), Some(child)) if first == name => self.find_below(child.clone(), &import.path[1..], depth + 1),
            (Some(first), None) if first == name => None,
            _ => self.find(module, &import.path, depth + 1),
        });
        let mut places: Vec<Place> = own.into_iter().chain(named).chain(child.clone()).collect();
        if places.is_empty() {
            let globs = found.imports.iter().filter(|import| import.name.is_none());
            let below = globs.filter_map(|import| match self.find(module, &import.path, depth + 1)? {
                Place::Module(all) => self.name_in(all, name, is_last, depth + 1),
                // Variants of an enum.
                item @ Place::Item(..) => is_variant(name).then_some(item),
            });
            places = below.collect();
        }
        let is_wanted = |place: &&Place| matches!(place, Place::Item(..)) == is_last;
        places.iter().find(is_wanted).or(places.first()).cloned()
    }

    fn root(&self, mut module: usize) -> usize {
        while let Some(parent) = self.modules[module].parent {
            module = parent;
        }
        module
    }
}

/// Reads the imports and paths of one module, without its tests and without the modules in it.
#[derive(Default)]
struct Reader {
    imports: Vec<Import>,
    paths: BTreeSet<Vec<String>>,
    modules: Vec<syn::ItemMod>,
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !attributes(item).iter().any(is_test_or_doc_only) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if !matches!(item, syn::ImplItem::Fn(function) if function.attrs.iter().any(is_test_or_doc_only)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.modules.push(module.clone());
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_reexport = !matches!(item.vis, syn::Visibility::Inherited);
        flatten(&item.tree, &mut Vec::new(), is_reexport, &mut self.imports);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.paths.insert(path.segments.iter().map(|segment| plain(&segment.ident)).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.read_tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        match &attribute.meta {
            syn::Meta::List(list) => self.read_tokens(list.tokens.clone()),
            syn::Meta::Path(_) | syn::Meta::NameValue(_) => {}
        }
    }
}

impl Reader {
    /// The paths in unparsed tokens: arguments of macros and attributes.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_punct = |index: usize, sign: char| matches!(tokens.get(index), Some(TokenTree::Punct(found)) if found.as_char() == sign);
        let mut index = 0;
        while index < tokens.len() {
            match &tokens[index] {
                TokenTree::Group(group) => self.read_tokens(group.stream()),
                TokenTree::Literal(literal) => self.read_path_in_text(&literal.to_string()),
                TokenTree::Ident(first) => {
                    let is_member = index > 0 && is_punct(index - 1, '.') && !(index > 1 && is_punct(index - 2, '.'));
                    let mut path = vec![plain(first)];
                    while is_punct(index + 1, ':') && is_punct(index + 2, ':') {
                        let Some(TokenTree::Ident(next)) = tokens.get(index + 3) else { break };
                        path.push(plain(next));
                        index += 3;
                    }
                    let is_label = path.len() == 1 && is_punct(index + 1, ':') && !is_punct(index + 2, ':');
                    if !is_member && !is_label {
                        self.paths.insert(path);
                    }
                }
                TokenTree::Punct(_) => {}
            }
            index += 1;
        }
    }

    /// `#[serde(with = "crate::times")]`.
    fn read_path_in_text(&mut self, literal: &str) {
        let text = literal.trim_matches('"');
        if text.contains("::") && text.chars().all(|sign| sign.is_alphanumeric() || matches!(sign, '_' | ':')) {
            self.paths.insert(text.split("::").map(str::to_owned).collect());
        }
    }
}

/// All names that one `use` imports.
fn flatten(tree: &syn::UseTree, before: &mut Vec<String>, is_reexport: bool, found: &mut Vec<Import>) {
    let mut import = |path: Vec<String>, name| found.push(Import { path, name, is_reexport });
    match tree {
        syn::UseTree::Path(path) => {
            before.push(plain(&path.ident));
            flatten(&path.tree, before, is_reexport, found);
            before.pop();
        }
        syn::UseTree::Group(group) => group.items.iter().for_each(|item| flatten(item, before, is_reexport, found)),
        syn::UseTree::Glob(_) => import(before.clone(), None),
        syn::UseTree::Name(last) if last.ident == "self" => import(before.clone(), before.last().cloned()),
        syn::UseTree::Name(last) => {
            let name = plain(&last.ident);
            import([before.as_slice(), std::slice::from_ref(&name)].concat(), Some(name));
        }
        syn::UseTree::Rename(last) => {
            let mut path = before.clone();
            if last.ident != "self" {
                path.push(plain(&last.ident));
            }
            import(path, Some(plain(&last.rename)));
        }
    }
}

fn is_variant(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
}

/// The name without `r#`.
fn plain(name: &syn::Ident) -> String {
    name.to_string().trim_start_matches("r#").to_owned()
}

/// Whether an attribute limits its item to tests or to the documentation.
fn is_test_or_doc_only(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return attribute.path().is_ident("test") };
    let condition = list.tokens.to_string().replace(' ', "");
    attribute.path().is_ident("cfg")
        && (["test", "doc"].contains(&condition.as_str()) || condition.starts_with("all(test"))
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item adds to its module.
fn name_of(item: &syn::Item) -> Option<String> {
    let name = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Macro(item) => item.ident.as_ref()?,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(plain(name))
}

/// The cycles of a package with these files, as they are printed.
fn cycles_of(files: &[(&str, &str)]) -> Vec<String> {
    let package = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = package.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    cycles(package.path()).iter().map(ToString::to_string).collect()
}

#[test]
fn files_that_use_each_other_are_a_cycle_with_the_names_that_they_import() {
    let found = cycles_of(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use super::b::two;\npub fn one() { two() }"),
        (
            "b.rs",
            "pub fn two() { vec![crate::c::three()]; }\n#[derive(D)]\n#[d(with = \"crate::c::Three\")]\npub struct Two;",
        ),
        ("c.rs", "use crate::a::{self};\npub struct Three;\npub fn three() { a::one() }"),
    ]);
    let wanted = "3 files in a cycle:\n  a.rs -> b.rs: two\n  b.rs -> c.rs: Three, three\n  c.rs -> a.rs: one";
    assert_eq!(found, [wanted]);
}

#[test]
fn a_parent_that_only_reexports_names_is_in_no_cycle() {
    let (one, two) = ("pub struct One;", "use super::One;\npub fn two(_: One) {}");
    let parent = "mod one; mod two; pub use one::One; pub use two::two;";
    let found = cycles_of(&[("lib.rs", "mod x;"), ("x/mod.rs", parent), ("x/one.rs", one), ("x/two.rs", two)]);
    assert!(found.is_empty(), "{found:?}");
    let parent = "mod two; pub struct One; fn all() { two::two(One) }";
    let found = cycles_of(&[("lib.rs", "mod x;"), ("x.rs", parent), ("x/two.rs", two)]);
    assert_eq!(found, ["2 files in a cycle:\n  x.rs -> x/two.rs: two\n  x/two.rs -> x.rs: One"]);
}

#[test]
fn a_name_is_followed_through_globs_and_renames_to_its_file() {
    let found = cycles_of(&[
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod deep; pub mod prelude { pub use super::deep::Item as Thing; }"),
        ("a/deep.rs", "pub enum Item { Variant }\nfn f() { let x: crate::b::Other; }"),
        ("b.rs", "use crate::a::prelude::*;\npub struct Other;\nfn f() -> Thing { Thing::Variant }"),
    ]);
    assert_eq!(found, ["2 files in a cycle:\n  a/deep.rs -> b.rs: Other\n  b.rs -> a/deep.rs: Item"]);
}

#[test]
fn tests_comments_and_strings_import_nothing() {
    let found = cycles_of(&[
        ("main.rs", "mod a; mod b;"),
        (
            "a.rs",
            "//! [`crate::b::two`]\n/// [`crate::b::two`]\npub fn one() -> &'static str { \"crate::b::two()\" }\n#[cfg(test)]\nmod tests { use crate::b::two; #[test] fn t() { two() } }",
        ),
        ("b.rs", "pub fn two() { crate::a::one(); }"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

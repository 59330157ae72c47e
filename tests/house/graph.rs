//! The graph of modules: which module uses which. It is read from the tokens of the source, so that
//! comments and strings do not count, but paths within macros do.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A module, as its path from the root of the crate.
pub(crate) type Module = Vec<String>;

/// The crate's own name, which the folder `transports` uses in place of `crate`.
const CRATE: &str = "engineio_client";

#[derive(Default)]
struct Source {
    file: String,
    /// The paths that the module uses, in `use` or in code, without `super` and `self`.
    paths: BTreeSet<Vec<String>>,
    /// The names that the module exports, each with the path that it stands for.
    exports: BTreeMap<String, Vec<String>>,
    types: BTreeSet<String>,
    impls: BTreeSet<String>,
}

pub(crate) struct Graph {
    sources: BTreeMap<Module, Source>,
    /// Children that may use their parent.
    excused: BTreeSet<Module>,
}

impl Graph {
    /// Reads the modules of the crate with this root. `read` returns the text of a file, or `None` if
    /// there is no such file.
    pub(crate) fn read(root: &str, read: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut graph = Self {
            sources: BTreeMap::new(),
            excused: BTreeSet::new(),
        };
        let mut files = vec![(Vec::new(), root.to_owned())];
        while let Some((module, file)) = files.pop() {
            let text = read(&file).unwrap_or_else(|| panic!("{file} can't be read"));
            let tokens: TokenStream = text
                .parse()
                .unwrap_or_else(|error| panic!("{file}: {error}"));
            let source = graph.sources.entry(module.clone()).or_default();
            source.file.clone_from(&file);
            let mut reader = Reader {
                module: module.clone(),
                inline: Vec::new(),
                source,
                declared: declared(tokens.clone()),
                children: Vec::new(),
            };
            reader.items(tokens);
            for (name, path) in reader.children {
                let mut child = module.clone();
                child.push(name.clone());
                let found = candidates(&file, &name, path.as_deref())
                    .into_iter()
                    .find(|candidate| read(candidate).is_some());
                files.push((
                    child,
                    found.unwrap_or_else(|| panic!("{file}: no file of {name}")),
                ));
            }
        }
        graph
    }

    pub(crate) fn modules(&self) -> impl Iterator<Item = &Module> {
        self.sources.keys()
    }

    pub(crate) fn file(&self, module: &Module) -> &str {
        &self.sources[module].file
    }

    /// Lets a child use its parent.
    pub(crate) fn excuse(&mut self, child: &str) {
        self.excused.insert(split(child));
    }

    /// The modules that a module uses, except the root module, because the root only re-exports.
    pub(crate) fn named_by(&self, module: &Module) -> BTreeSet<Module> {
        let parent = &module[..module.len().saturating_sub(1)];
        self.sources[module]
            .paths
            .iter()
            .filter_map(|path| self.resolve(path, 0))
            .filter(|named| !named.is_empty() && named != module)
            .filter(|named| named != parent || !self.excused.contains(module))
            .collect()
    }

    /// The module that this path names, or that contains the item that this path names.
    fn resolve(&self, path: &[String], depth: usize) -> Option<Module> {
        assert!(depth < 20, "{path:?} is a cycle of re-exports");
        let known = (0..=path.len()).rev();
        let length = known
            .into_iter()
            .find(|length| self.sources.contains_key(&path[..*length]))?;
        let module = path[..length].to_vec();
        // The path of an item that the root re-exports is resolved to the module that defines the item.
        if module.is_empty()
            && let Some(name) = path.first()
        {
            let root = &self.sources[&module];
            if let Some(target) = root.exports.get(name).filter(|target| *target != path) {
                let target: Vec<String> = target.iter().chain(&path[1..]).cloned().collect();
                return self.resolve(&target, depth + 1);
            }
            return None;
        }
        Some(module)
    }

    /// Checks that a child uses its parent and has a reason to: an `impl` block of one of the parent's
    /// types.
    pub(crate) fn holds_impl_blocks_of_its_parent(&self, child: &str) -> Result<(), String> {
        let child = split(child);
        let parent = child[..child.len() - 1].to_vec();
        let (Some(source), Some(of_parent)) = (self.sources.get(&child), self.sources.get(&parent))
        else {
            return Err(format!("there is no {}", child.join("::")));
        };
        if !self.named_by(&child).contains(&parent) {
            return Err(format!(
                "{} need not be excused: it does not use its parent",
                source.file
            ));
        }
        if source.impls.is_disjoint(&of_parent.types) {
            return Err(format!(
                "{} has no impl block of {}",
                source.file, of_parent.file
            ));
        }
        Ok(())
    }
}

fn split(module: &str) -> Module {
    module.split("::").map(str::to_owned).collect()
}

/// The paths where the file of a module may be.
fn candidates(file: &str, name: &str, path: Option<&str>) -> Vec<String> {
    let (folder, own) = file.rsplit_once('/').unwrap_or(("", file));
    if let Some(path) = path {
        let mut parts: Vec<&str> = folder.split('/').collect();
        let mut rest = path;
        while let Some(up) = rest.strip_prefix("../") {
            parts.pop();
            rest = up;
        }
        parts.push(rest);
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        return vec![parts.join("/")];
    }
    let own = own.strip_suffix(".rs").unwrap_or(own);
    let folder = match own {
        "mod" | "lib" | "main" => folder.to_owned(),
        own => format!("{folder}/{own}"),
    };
    vec![
        format!("{folder}/{name}.rs"),
        format!("{folder}/{name}/mod.rs"),
    ]
}

/// Reads the tokens of one file.
struct Reader<'a> {
    module: Module,
    /// The inline modules that contain these tokens. They count as part of the file's module, but
    /// `super` has another meaning in them.
    inline: Vec<String>,
    source: &'a mut Source,
    /// Names of the child modules. They are collected before the tokens are read, because code may use a
    /// child before the line that declares it.
    declared: BTreeSet<String>,
    /// The child modules that are not compiled for tests alone, each with the value of its attribute
    /// `path`, if it has one.
    children: Vec<(String, Option<String>)>,
}

impl Reader<'_> {
    fn items(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        let mut is_test = false;
        let mut path = None;
        let mut is_public = false;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    // An inner attribute has a `!`.
                    let _ = tokens.next_if(|next| is_punct(next, '!'));
                    if let Some(TokenTree::Group(attribute)) = tokens.next() {
                        is_test |= is_of_tests(attribute.stream(), false);
                        path = path.or_else(|| path_attribute(attribute.stream()));
                        if !is_test {
                            self.items(attribute.stream());
                        }
                    }
                    continue;
                }
                TokenTree::Ident(ident) if ident == "pub" => {
                    is_public = true;
                    // A visibility such as `pub(super)` or `pub(in crate::client)` does not use the
                    // module that it names.
                    let _ = tokens.next_if(
                        |next| matches!(next, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis),
                    );
                    continue;
                }
                _ if is_test => {
                    skip_item(&token, &mut tokens);
                }
                TokenTree::Ident(ident) if ident == "mod" => {
                    self.module(&mut tokens, path.take());
                }
                TokenTree::Ident(ident) if ident == "use" => {
                    let mut list = Vec::new();
                    use_tree(&mut tokens, &mut Vec::new(), &mut list);
                    self.imports(list, is_public);
                }
                TokenTree::Ident(ident) if ident == "struct" || ident == "enum" => {
                    if let Some(TokenTree::Ident(name)) = tokens.peek() {
                        self.source.types.insert(name.to_string());
                    }
                }
                TokenTree::Ident(ident) if ident == "impl" => self.implemented(&tokens),
                TokenTree::Ident(ident) => self.code_path(ident.to_string(), &mut tokens),
                TokenTree::Group(group) => self.items(group.stream()),
                _ => {}
            }
            is_test = false;
            path = None;
            is_public = false;
        }
    }

    fn module(
        &mut self,
        tokens: &mut Peekable<impl Iterator<Item = TokenTree>>,
        path: Option<String>,
    ) {
        let Some(TokenTree::Ident(name)) =
            tokens.next_if(|next| matches!(next, TokenTree::Ident(_)))
        else {
            return;
        };
        match tokens.next() {
            Some(TokenTree::Group(body)) => {
                self.inline.push(name.to_string());
                self.items(body.stream());
                self.inline.pop();
            }
            _ => self.children.push((name.to_string(), path)),
        }
    }

    /// The type of an `impl` block: the last name before its body that is not an argument or a bound.
    fn implemented(&mut self, tokens: &Peekable<impl Iterator<Item = TokenTree> + Clone>) {
        let mut depth = 0_i32;
        let mut name = None;
        for token in tokens.clone() {
            match token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
                TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
                TokenTree::Punct(punct) if punct.as_char() == '>' => depth -= 1,
                TokenTree::Ident(ident) if ident == "where" => break,
                TokenTree::Ident(ident) if depth == 0 => name = Some(ident.to_string()),
                _ => {}
            }
        }
        self.source.impls.extend(name);
    }

    /// Reads a path in code. It begins with `crate`, `super`, `self`, the name of the crate, or the name
    /// of a child.
    fn code_path(&mut self, first: String, tokens: &mut Peekable<impl Iterator<Item = TokenTree>>) {
        let mut path = vec![first];
        while tokens.next_if(|next| is_punct(next, ':')).is_some() {
            if tokens.next_if(|next| is_punct(next, ':')).is_none() {
                break;
            }
            match tokens.next_if(|next| matches!(next, TokenTree::Ident(_))) {
                Some(name) => path.push(name.to_string()),
                None => break,
            }
        }
        if path.len() > 1 {
            let resolved = self.absolute(&path);
            self.source.paths.extend(resolved);
        }
    }

    fn imports(&mut self, list: Vec<Import>, is_public: bool) {
        for import in list {
            let Some(path) = self.absolute(&import.path) else {
                continue;
            };
            if is_public && self.inline.is_empty() {
                // The root may not re-export a glob: the graph would not know the re-exported names.
                assert!(import.name.is_some() || !self.module.is_empty(), "{path:?}");
                let name = import.name.unwrap_or_default();
                self.source.exports.insert(name, path.clone());
            }
            self.source.paths.insert(path);
        }
    }

    /// Resolves a path to a path from the root of the crate. Returns `None` if the path is in another
    /// crate.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut place: Vec<String> = self.module.iter().chain(&self.inline).cloned().collect();
        let mut rest = path;
        match rest[0].as_str() {
            "crate" | CRATE => {
                place.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    place.pop();
                    rest = &rest[1..];
                }
            }
            // The path begins with the name of a child or of another crate. The graph has no modules of
            // other crates.
            first => {
                if !self.declared.contains(first) {
                    return None;
                }
            }
        }
        place.extend(rest.iter().cloned());
        // An inline module is part of this file's module.
        if place.starts_with(&self.module) && place.len() > self.module.len() {
            let inline = &place[self.module.len()];
            if self.inline.first() == Some(inline) {
                return None;
            }
        }
        Some(place)
    }
}

/// The names that a file declares with `mod`.
fn declared(tokens: TokenStream) -> BTreeSet<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let names = tokens.windows(3).filter_map(|three| match three {
        [TokenTree::Ident(word), TokenTree::Ident(name), end]
            if word == "mod" && is_punct(end, ';') =>
        {
            Some(name.to_string())
        }
        _ => None,
    });
    names.collect()
}

struct Import {
    path: Vec<String>,
    /// The name of the import; `None` for a glob.
    name: Option<String>,
}

/// Reads one tree after `use`, or within its braces.
fn use_tree(
    tokens: &mut Peekable<impl Iterator<Item = TokenTree>>,
    prefix: &mut Vec<String>,
    into: &mut Vec<Import>,
) {
    let before = prefix.len();
    loop {
        match tokens.next() {
            Some(TokenTree::Ident(ident)) if ident == "as" => {
                let name = tokens.next().map(|name| name.to_string());
                if let Some(last) = into.last_mut() {
                    last.name = name;
                }
            }
            Some(TokenTree::Ident(ident)) => {
                prefix.push(ident.to_string());
                let goes_on = tokens.peek().is_some_and(|next| is_punct(next, ':'));
                if !goes_on {
                    let mut path = prefix.clone();
                    if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                        path.pop();
                    }
                    let name = path.last().cloned();
                    into.push(Import { path, name });
                }
            }
            Some(TokenTree::Punct(punct)) if punct.as_char() == '*' => into.push(Import {
                path: prefix.clone(),
                name: None,
            }),
            Some(TokenTree::Punct(punct)) if punct.as_char() == ',' => prefix.truncate(before),
            Some(TokenTree::Punct(punct)) if punct.as_char() == ';' => break,
            Some(TokenTree::Group(group)) => {
                let mut inner = group.stream().into_iter().peekable();
                use_tree(&mut inner, prefix, into);
            }
            Some(_) => {}
            None => break,
        }
    }
    prefix.truncate(before);
}

fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

/// Whether an attribute makes its item exist only in tests or fuzz targets.
fn is_of_tests(attribute: TokenStream, within_cfg: bool) -> bool {
    let mut tokens = attribute.into_iter().peekable();
    let mut within = within_cfg;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "cfg" => within = true,
            TokenTree::Ident(ident) if ident == "not" || ident == "cfg_attr" => {
                tokens.next();
            }
            TokenTree::Ident(ident) if within && ident == "any" => {
                if let Some(TokenTree::Group(group)) = tokens.next()
                    && all_of_tests(group.stream())
                {
                    return true;
                }
            }
            TokenTree::Ident(ident) if within && (ident == "test" || ident == "fuzzing") => {
                return true;
            }
            TokenTree::Ident(ident)
                if ident == "test" && !within_cfg && tokens.peek().is_none() =>
            {
                return true;
            }
            TokenTree::Group(group) if is_of_tests(group.stream(), within) => return true,
            _ => {}
        }
    }
    false
}

/// Whether each of the alternatives of an `any(..)` exists only in tests or fuzz targets.
fn all_of_tests(alternatives: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = alternatives.into_iter().collect();
    let mut alternatives = tokens.split(|token| is_punct(token, ','));
    alternatives.all(|tokens| {
        let tokens = tokens.iter().cloned().collect::<TokenStream>();
        tokens.is_empty() || is_of_tests(tokens, true)
    })
}

/// The file of `#[path = ".."]`.
fn path_attribute(attribute: TokenStream) -> Option<String> {
    let tokens: Vec<TokenTree> = attribute.into_iter().collect();
    match &tokens[..] {
        [
            TokenTree::Ident(name),
            TokenTree::Punct(_),
            TokenTree::Literal(path),
        ] if name == "path" => Some(path.to_string().trim_matches('"').to_owned()),
        _ => None,
    }
}

/// Skips an item: up to its `;`, or to the end of its body.
fn skip_item(first: &TokenTree, tokens: &mut Peekable<impl Iterator<Item = TokenTree>>) {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => is_punct(token, ';') || is_punct(token, ','),
    };
    if !ends(first) {
        let _ = tokens.by_ref().find(ends);
    }
}

//! The tree of an HTML page: made by the rules that browsers go by, and written as they write it.
//! Nothing here knows a node kind; scripts are not run and nothing is fetched.

use std::borrow::Cow;
use std::cell::{Ref, RefCell};
use std::time::{Duration, Instant};

use html5ever::interface::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink as _};
use html5ever::{Attribute, LocalName, ParseOpts, QualName, local_name, ns};
use linkflow_node::NodeError;

/// Largest page, in bytes.
pub const PAGE_BYTES_MAX: usize = 32 << 20;
/// How deep elements may stand in each other.
const DEPTH_MAX: usize = 500;
const NODES_MAX: usize = 2_000_000;
/// Broken pages can take very long by the browsers' rules.
const PARSE_TIME_MAX: Duration = Duration::from_secs(20);
/// So many bytes are read between two looks at the limits.
const PIECE_BYTES: usize = 16 << 10;

/// Elements without content and end tag.
const VOID: &[&str] = &[
    "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img", "input", "keygen",
    "link", "meta", "param", "source", "track", "wbr",
];

/// Elements whose text is written as it is.
const RAW: &[&str] = &["style", "script", "xmp", "iframe", "noembed", "noframes", "plaintext", "noscript"];

/// A page. Node 0 is the document.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug)]
pub struct Node {
    pub parent: Option<usize>,
    pub children: Vec<usize>,
    pub content: Content,
}

#[derive(Debug)]
pub enum Content {
    Document,
    Doctype(String),
    Element(Element),
    Text(String),
    Comment(String),
}

#[derive(Debug)]
pub struct Element {
    pub name: String,
    /// In the order of the page.
    pub attributes: Vec<(String, String)>,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a page.
pub fn parse(html: &str) -> Result<Tree, NodeError> {
    if html.len() > PAGE_BYTES_MAX {
        let limit = format!("{PAGE_BYTES_MAX} bytes");
        return Err(NodeError::Limit { what: "the size of a page".to_owned(), limit });
    }
    let mut options = ParseOpts::default();
    options.tokenizer.discard_bom = false;
    let started = Instant::now();
    let mut parser = html5ever::parse_document(Builder::new(), options);
    let mut rest = html;
    while !rest.is_empty() {
        let mut end = PIECE_BYTES.min(rest.len());
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        parser.process(StrTendril::from(&rest[..end]));
        rest = &rest[end..];
        let sink = &parser.tokenizer.sink.sink;
        sink.within_limits()?;
        if started.elapsed() > PARSE_TIME_MAX {
            let limit = format!("{} s", PARSE_TIME_MAX.as_secs());
            return Err(NodeError::Limit { what: "the time to read a page".to_owned(), limit });
        }
    }
    let builder = parser.finish();
    builder.within_limits()?;
    let tree = Tree { nodes: builder.nodes.into_inner() };
    tree.checked_depth()?;
    Ok(tree)
}

impl Tree {
    pub fn node(&self, id: usize) -> &Node {
        &self.nodes[id]
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn element(&self, id: usize) -> Option<&Element> {
        match &self.nodes[id].content {
            Content::Element(element) => Some(element),
            _ => None,
        }
    }

    /// The name of an element; empty for anything else.
    pub fn name(&self, id: usize) -> &str {
        self.element(id).map_or("", |element| element.name.as_str())
    }

    pub fn children(&self, id: usize) -> &[usize] {
        &self.nodes[id].children
    }

    pub fn child_elements(&self, id: usize) -> impl Iterator<Item = usize> + '_ {
        self.nodes[id].children.iter().copied().filter(|child| self.element(*child).is_some())
    }

    pub fn parent(&self, id: usize) -> Option<usize> {
        self.nodes[id].parent
    }

    /// What is below `id`, in the order of the page.
    pub fn below(&self, id: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut open: Vec<usize> = self.children(id).iter().rev().copied().collect();
        while let Some(id) = open.pop() {
            found.push(id);
            open.extend(self.children(id).iter().rev());
        }
        found
    }

    /// All text within a node, that of scripts too.
    pub fn text(&self, id: usize) -> String {
        let mut text = String::new();
        for id in std::iter::once(id).chain(self.below(id)) {
            if let Content::Text(part) = &self.nodes[id].content {
                text.push_str(part);
            }
        }
        text
    }

    /// The content of an element as HTML.
    pub fn inner_html(&self, id: usize) -> String {
        enum Step {
            Open(usize),
            Close(usize),
        }
        let mut html = String::new();
        let mut steps: Vec<Step> = self.children(id).iter().rev().map(|c| Step::Open(*c)).collect();
        while let Some(step) = steps.pop() {
            match step {
                Step::Close(id) => {
                    html.push_str("</");
                    html.push_str(self.name(id));
                    html.push('>');
                }
                Step::Open(id) => {
                    self.write_start(id, &mut html);
                    if self.element(id).is_some_and(|e| !VOID.contains(&e.name.as_str())) {
                        steps.push(Step::Close(id));
                        steps.extend(self.children(id).iter().rev().map(|c| Step::Open(*c)));
                    }
                }
            }
        }
        html
    }

    fn write_start(&self, id: usize, html: &mut String) {
        match &self.nodes[id].content {
            Content::Text(text) => {
                let parent = self.parent(id).map_or("", |parent| self.name(parent));
                if RAW.contains(&parent) { html.push_str(text) } else { html.push_str(&escaped(text)) }
            }
            Content::Comment(text) => html.extend(["<!--", text, "-->"]),
            Content::Doctype(name) => html.extend(["<!DOCTYPE ", name, ">"]),
            Content::Element(element) => {
                html.push('<');
                html.push_str(&element.name);
                for (name, value) in &element.attributes {
                    let value =
                        value.replace('&', "&amp;").replace('\u{a0}', "&nbsp;").replace('"', "&quot;");
                    html.extend([" ", name, "=\"", &value, "\""]);
                }
                html.push('>');
            }
            Content::Document => {}
        }
    }

    fn checked_depth(&self) -> Result<(), NodeError> {
        let mut open = vec![(0, 0)];
        while let Some((id, depth)) = open.pop() {
            if depth > DEPTH_MAX {
                return Err(too_deep());
            }
            open.extend(self.children(id).iter().map(|child| (*child, depth + 1)));
        }
        Ok(())
    }
}

/// Text as it stands between tags.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '\u{a0}']) {
        return Cow::Borrowed(text);
    }
    let text = text.replace('&', "&amp;").replace('\u{a0}', "&nbsp;");
    Cow::Owned(text.replace('<', "&lt;").replace('>', "&gt;"))
}

fn too_deep() -> NodeError {
    let what = "how deep the elements of a page stand in each other".to_owned();
    NodeError::Limit { what, limit: DEPTH_MAX.to_string() }
}

/// Takes the page's nodes from the parser.
struct Builder {
    nodes: RefCell<Vec<Node>>,
    /// The full name of each element, which the parser asks for.
    names: RefCell<Vec<QualName>>,
}

impl Builder {
    fn new() -> Builder {
        let builder = Builder { nodes: RefCell::default(), names: RefCell::default() };
        builder.add(Content::Document, None);
        builder
    }

    fn add(&self, content: Content, name: Option<QualName>) -> usize {
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(Node { parent: None, children: Vec::new(), content });
        let none = || QualName::new(None, ns!(), LocalName::from(""));
        self.names.borrow_mut().push(name.unwrap_or_else(none));
        nodes.len() - 1
    }

    fn within_limits(&self) -> Result<(), NodeError> {
        if self.nodes.borrow().len() > NODES_MAX {
            let what = "the elements of a page".to_owned();
            return Err(NodeError::Limit { what, limit: NODES_MAX.to_string() });
        }
        // The last node that came stands among the deepest.
        let nodes = self.nodes.borrow();
        let mut at = nodes.len().checked_sub(1);
        let mut depth = 0;
        while let Some(id) = at {
            depth += 1;
            at = nodes[id].parent;
        }
        if depth > DEPTH_MAX { Err(too_deep()) } else { Ok(()) }
    }

    /// Puts what came before place `at` of `parent`; text goes into the text before it.
    fn insert(&self, parent: usize, at: usize, child: NodeOrText<usize>) {
        let id = match child {
            NodeOrText::AppendNode(id) => {
                self.detach(id);
                id
            }
            NodeOrText::AppendText(text) => {
                let before = at.checked_sub(1).map(|at| self.nodes.borrow()[parent].children[at]);
                if let Some(before) = before
                    && let Content::Text(existing) = &mut self.nodes.borrow_mut()[before].content
                {
                    existing.push_str(&text);
                    return;
                }
                self.add(Content::Text(text.to_string()), None)
            }
        };
        let mut nodes = self.nodes.borrow_mut();
        nodes[id].parent = Some(parent);
        let at = at.min(nodes[parent].children.len());
        nodes[parent].children.insert(at, id);
    }

    fn detach(&self, id: usize) {
        let mut nodes = self.nodes.borrow_mut();
        if let Some(parent) = nodes[id].parent.take() {
            // From behind: it is mostly the last one that is moved.
            if let Some(at) = nodes[parent].children.iter().rposition(|child| *child == id) {
                nodes[parent].children.remove(at);
            }
        }
    }

    fn place(&self, id: usize) -> Option<(usize, usize)> {
        let nodes = self.nodes.borrow();
        let parent = nodes[id].parent?;
        Some((parent, nodes[parent].children.iter().rposition(|child| *child == id)?))
    }
}

fn attributes(attributes: Vec<Attribute>) -> Vec<(String, String)> {
    let name = |name: &QualName| match &name.prefix {
        Some(prefix) => format!("{prefix}:{}", name.local),
        None => name.local.to_string(),
    };
    attributes.iter().map(|a| (name(&a.name), a.value.to_string())).collect()
}

impl TreeSink for Builder {
    type Handle = usize;
    type Output = Builder;
    type ElemName<'a> = Ref<'a, QualName>;

    fn finish(self) -> Builder {
        self
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> usize {
        0
    }

    fn elem_name<'a>(&'a self, target: &'a usize) -> Ref<'a, QualName> {
        Ref::map(self.names.borrow(), |names| &names[*target])
    }

    fn create_element(&self, name: QualName, attrs: Vec<Attribute>, _: ElementFlags) -> usize {
        let element = Element { name: name.local.to_string(), attributes: attributes(attrs) };
        self.add(Content::Element(element), Some(name))
    }

    fn create_comment(&self, text: StrTendril) -> usize {
        self.add(Content::Comment(text.to_string()), None)
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> usize {
        self.add(Content::Comment(format!("?{target} {data}")), None)
    }

    fn append(&self, parent: &usize, child: NodeOrText<usize>) {
        let end = self.nodes.borrow()[*parent].children.len();
        self.insert(*parent, end, child);
    }

    fn append_based_on_parent_node(&self, element: &usize, previous: &usize, child: NodeOrText<usize>) {
        match self.place(*element) {
            Some((parent, at)) => self.insert(parent, at, child),
            None => self.append(previous, child),
        }
    }

    fn append_doctype_to_document(&self, name: StrTendril, _: StrTendril, _: StrTendril) {
        let doctype = self.add(Content::Doctype(name.to_string()), None);
        self.append(&0, NodeOrText::AppendNode(doctype));
    }

    /// The content of a template is kept as its children.
    fn get_template_contents(&self, target: &usize) -> usize {
        *target
    }

    fn same_node(&self, x: &usize, y: &usize) -> bool {
        x == y
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &usize, new: NodeOrText<usize>) {
        if let NodeOrText::AppendNode(id) = &new {
            self.detach(*id);
        }
        if let Some((parent, at)) = self.place(*sibling) {
            self.insert(parent, at, new);
        }
    }

    fn add_attrs_if_missing(&self, target: &usize, attrs: Vec<Attribute>) {
        if let Content::Element(element) = &mut self.nodes.borrow_mut()[*target].content {
            for (name, value) in attributes(attrs) {
                if element.attribute(&name).is_none() {
                    element.attributes.push((name, value));
                }
            }
        }
    }

    fn remove_from_parent(&self, target: &usize) {
        self.detach(*target);
    }

    fn reparent_children(&self, node: &usize, new_parent: &usize) {
        let mut nodes = self.nodes.borrow_mut();
        let children = std::mem::take(&mut nodes[*node].children);
        for child in &children {
            nodes[*child].parent = Some(*new_parent);
        }
        nodes[*new_parent].children.extend(children);
    }

    fn is_mathml_annotation_xml_integration_point(&self, target: &usize) -> bool {
        let is_mathml = self.names.borrow()[*target].local == local_name!("annotation-xml");
        is_mathml
            && matches!(&self.nodes.borrow()[*target].content, Content::Element(element)
                if element.attribute("encoding").is_some_and(|e| e.eq_ignore_ascii_case("text/html")
                    || e.eq_ignore_ascii_case("application/xhtml+xml")))
    }

    fn allow_declarative_shadow_roots(&self, _: &usize) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(html: &str, expected: &str) {
        assert_eq!(parse(html).unwrap().inner_html(0), expected);
    }

    #[test]
    fn a_page_is_completed_as_browsers_do_it() {
        check("<p>a<p>b", "<html><head></head><body><p>a</p><p>b</p></body></html>");
        check(
            "<table><p>x</p><tr><td>1<td>2</table>",
            "<html><head></head><body><p>x</p><table><tbody><tr><td>1</td><td>2</td></tr></tbody></table></body></html>",
        );
        check(
            "<!doctype html><a title='&quot;'>&lt;&nbsp;</a><br><script>1<2</script>",
            "<!DOCTYPE html><html><head></head><body><a title=\"&quot;\">&lt;&nbsp;</a><br><script>1<2</script></body></html>",
        );
    }

    #[test]
    fn text_is_that_of_all_elements() {
        assert_eq!(parse("<p>a<b>b</b><!-- c --><style>d</style>").unwrap().text(0), "abd");
    }

    #[test]
    fn what_stands_too_deep_is_refused() {
        let error = parse(&"<div>".repeat(100_000)).unwrap_err().to_string();
        assert!(error.contains("how deep"), "{error}");
        assert!(parse(&"<div>".repeat(400)).is_ok());
        assert!(parse(&"<b><i>".repeat(3_000)).is_err());
    }
}

//! What a plan writes is what async-graphql resolves: random documents, asked both ways.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, FieldDefinition, Type, TypeKind, TypeSystemDefinition};
use async_graphql::{Request, Variables};
use serde_json::json;

use super::{World, key};
use crate::graphql::guard::{Guard, Limits};
use crate::graphql::plan::{Off, raw};
use crate::graphql::{Schema, sdl, write_json};
use crate::record::*;
use crate::store::keys::Access;

/// The fields of each object and interface that can be asked for without arguments, or as lists.
struct Types(BTreeMap<String, Vec<FieldDefinition>>);

impl Types {
    fn read() -> Self {
        let types = parse_schema(sdl()).unwrap().definitions.into_iter().filter_map(|definition| {
            let TypeSystemDefinition::Type(definition) = definition else { return None };
            let fields = match definition.node.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                _ => return None,
            };
            Some((definition.node.name.node.to_string(), fields.into_iter().map(|field| field.node).collect()))
        });
        Self(types.collect())
    }
}

fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

/// Documents that look random and are the same for the same seed.
struct Documents<'a> {
    types: &'a Types,
    state: u64,
    fragments: Vec<String>,
    aliases: usize,
    /// Whether what is selected depends on no variable, so that the whole may be planned.
    is_fixed: bool,
}

impl Documents<'_> {
    fn below(&mut self, end: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.state >> 33) as usize) % end.max(1)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn selection(&mut self, ty: &str, depth: usize) -> String {
        let fields = &self.types.0[ty];
        let mut out = String::from("{");
        for _ in 0..1 + self.below(6) {
            if self.chance(8) {
                let body = self.selection(ty, depth);
                if self.chance(50) {
                    let on = if self.chance(50) { format!("... on {ty}") } else { "...".to_owned() };
                    let _ = write!(out, " {on} {body}");
                } else {
                    let name = format!("F{}", self.fragments.len());
                    let _ = write!(out, " ...{name}");
                    self.fragments.push(format!("fragment {name} on {ty} {body}"));
                }
                continue;
            }
            if self.chance(6) {
                out.push_str(" __typename");
                continue;
            }
            let field = &fields[self.below(fields.len())];
            if self.types.0[ty].iter().any(|field| field.name.node == "deletedAt") && self.chance(5) {
                out.push_str(" ... on Record { changedAt id } ... on Node { id }");
            }
            let name = field.name.node.as_str();
            let is_list = field.arguments.iter().any(|argument| argument.node.name.node == "first");
            let needs_arguments = field.arguments.iter().any(|argument| !argument.node.ty.node.nullable);
            let below = self.types.0.contains_key(named(&field.ty.node)).then(|| named(&field.ty.node).to_owned());
            if needs_arguments || (below.is_some() && depth == 0) {
                continue;
            }
            self.aliases += 1;
            let alias = self.aliases;
            match (is_list, self.chance(15)) {
                (true, _) => drop(write!(out, " a{alias}: {name}(first: {})", self.below(4))),
                (false, true) => drop(write!(out, " a{alias}: {name}")),
                (false, false) => drop(write!(out, " {name}")),
            }
            match self.below(20) {
                _ if self.is_fixed => {}
                0 => out.push_str(" @skip(if: $yes)"),
                1 => out.push_str(" @include(if: $yes)"),
                _ => {}
            }
            if let Some(below) = below {
                let body = self.selection(&below, depth - 1);
                let _ = write!(out, " {body}");
            }
        }
        out.push_str(" sure: __typename }");
        out
    }

    fn next(&mut self) -> String {
        self.fragments.clear();
        self.is_fixed = self.chance(50);
        let mut roots = String::new();
        for (at, (list, ty)) in [
            ("orders", "OrderConnection"),
            ("products", "ProductConnection"),
            ("inventory", "InventoryItemConnection"),
            ("returns", "ReturnConnection"),
            ("warehouses", "WarehouseConnection"),
            ("warehouseLocations", "WarehouseLocationConnection"),
        ]
        .into_iter()
        .enumerate()
        {
            if self.chance(30) {
                let order = if self.chance(30) { ", orderBy: [{ field: CHANGED_AT, direction: DESC }]" } else { "" };
                let body = self.selection(ty, 5);
                let first = if self.chance(30) { "$few".to_owned() } else { self.below(7).to_string() };
                let _ = write!(roots, " l{at}: {list}(first: {first}{order}) {body}");
            }
        }
        let id = Id::record::<Order>(ConnectionId(1), "O001");
        let body = self.selection("Order", 4);
        // Twice under one key: the library merges them.
        let twin = if self.chance(10) { format!(" order(id: \"{id}\") {{ orderNumber lineItems {{ sku }} }}") } else { String::new() };
        let (beside, uses) = if self.is_fixed { ("__typename", "") } else { ("viewer @include(if: $yes) { name }", "$yes: Boolean!, ") };
        let parts = self.fragments.join(" ");
        format!(
            "query({uses}$few: Int = 3, $id: ID!) {{ {beside} order(id: \"{id}\") {body}{twin}{roots} last: order(id: $id) {{ id sure: __typename }} few: orders(first: $few) {{ __typename }} }} {parts}"
        )
    }
}

impl Schema {
    fn limited(self, limits: Limits) -> Self {
        Self { guard: Guard::new(&sdl(), limits, None).unwrap().into(), ..self }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_answer_is_the_resolved_one() {
    let world = World::full().await;
    let world = World {
        schema: world.schema.limited(Limits {
            tokens: 1 << 20,
            aliases: 1 << 20,
            directives: 1 << 20,
            fields: 1 << 20,
            cost: 1 << 40,
            ..Limits::DEFAULT
        }),
        ..world
    };
    let payload = Json::of(&json!({ "z": [1, 2.5, "ü\n"], "a": null }));
    let odd = Order {
        source: Source {
            id: "O-odd".to_owned(),
            raw: Some(payload.clone()),
            additional_fields: Some(payload),
            url: Some("http://\"x\"/\u{1}".to_owned()),
            ..Source::default()
        },
        order_number: "\u{2028}</script>".to_owned(),
        shipments: [Shipment {
            packages: [Package {
                measurements: Some(Measurements { weight: Some(Quantity::from_micros(1)), ..Measurements::default() }),
                ..Package::default()
            }]
            .into_iter()
            .collect(),
            ..Shipment::default()
        }]
        .into_iter()
        .collect(),
        ..Order::default()
    };
    world.lay(1, super::seconds(99), &[odd]).await;
    let types = Types::read();
    let mut documents = Documents { types: &types, state: 7, fragments: Vec::new(), aliases: 0, is_fixed: false };
    let (mut spliced, mut wholes) = (0, 0);
    for _ in 0..400 {
        let document = documents.next();
        // The second time by the plans that the first has left, where none of them depends on the variable.
        for yes in [true, false] {
            let id = Id::record::<Order>(ConnectionId(1), if yes { "O002" } else { "nobody" }).to_string();
            let mut variables = json!({ "id": id });
            if !documents.is_fixed {
                variables["yes"] = yes.into();
            } else if yes {
                variables["few"] = 2.into();
            }
            let request = || Request::new(&document).variables(Variables::from_json(variables.clone())).data(key(Access::Read));
            let planned = world.schema.execute(request()).await;
            let resolved = world.schema.execute(request().data(Off)).await;
            let text = |response: &async_graphql::Response| {
                let mut out = String::new();
                write_json(&response.data, &mut out);
                (out, serde_json::to_value(&response.errors).unwrap())
            };
            assert_eq!(text(&resolved).1, json!([]), "{document}");
            let whole = match &planned.data {
                data if raw(data).is_some() => {
                    wholes += 1;
                    1
                }
                async_graphql::Value::Object(roots) => roots.values().filter(|root| raw(root).is_some()).count(),
                _ => 0,
            };
            let ((planned, planned_errors), (resolved, _)) = (text(&planned), text(&resolved));
            assert_eq!(planned_errors, json!([]), "{document}");
            spliced += whole;
            if planned != resolved {
                let at = planned.bytes().zip(resolved.bytes()).take_while(|(planned, resolved)| planned == resolved).count();
                let around = |text: &str| text[text.floor_char_boundary(at.saturating_sub(300))..text.floor_char_boundary(at + 300)].to_owned();
                panic!("{document}\n\nplanned: …{}…\n\nresolved: …{}…", around(&planned), around(&resolved));
            }
        }
    }
    assert!(spliced > 800 && wholes > 60, "{spliced} roots of 400 documents were planned, {wholes} documents as a whole");
}

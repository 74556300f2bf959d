//! Units: what in ShopWired's catalogue holds stock, <https://help.shopwired.io/manual/stock/stock-management>.

use super::wire::{Product, Stock, Variation, sku};
use super::{PAGE, PAGES_MAX, client};
use crate::{Error, ErrorKind, Levels, Page, Session, Unit, UnitKind};
use domain::{LocationId, Sku};

/// With `fields`, an embedded object comes back only if it is listed too.
const SHAPE: &str = "embed=variations&fields=id,title,sku,stock,active,bundle,variations";

/// One page of units; the token is the offset of the first product.
pub(crate) async fn units(session: Session<'_>, page: Option<String>) -> Result<Levels, Error> {
    let offset = offset(page.as_deref())?;
    let products: Vec<Product> =
        client::get(session, &format!("/products?count={PAGE}&offset={offset}&{SHAPE}")).await?;
    // A page shorter than asked for is the last one; there is no total and no link.
    let next = (products.len() >= PAGE).then(|| (offset + products.len()).to_string());
    Ok(Page { rows: products.iter().flat_map(units_of).collect(), next })
}

/// The offset in a page token; refuses one beyond the page limit.
pub(super) fn offset(token: Option<&str>) -> Result<usize, Error> {
    let offset = token.map_or(Ok(0), str::parse);
    match offset {
        Ok(offset) if offset <= PAGE * PAGES_MAX => Ok(offset),
        _ => Err(Error::new(ErrorKind::Invalid, "the page is not one that was given, or lies beyond the page limit")),
    }
}

/// The units of the product `4242`, or the one of `4242/777`. None when the store no longer shows it.
pub(crate) async fn unit(session: Session<'_>, external: &str) -> Result<Vec<Unit>, Error> {
    let id = external.split('/').next().unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(Vec::new());
    }
    match client::get::<Product>(session, &format!("/products/{id}?{SHAPE}")).await {
        Ok(product) => Ok(wanted(units_of(&product), external)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// A whole product, one of its variations, or the pool that the variation draws on.
fn wanted(units: Vec<Unit>, external: &str) -> Vec<Unit> {
    let Some((product, _)) = external.split_once('/') else { return units };
    let exact = units.iter().any(|unit| unit.external == external);
    let name = if exact { external } else { product };
    units.into_iter().filter(|unit| unit.external == name).collect()
}

/// The units of a product: itself, or its variations, or both when some variations draw on the product's own stock.
pub(super) fn units_of(product: &Product) -> Vec<Unit> {
    if product.variations.is_empty() {
        return vec![product_unit(product)];
    }
    let (pooled, own): (Vec<_>, Vec<_>) = product.variations.iter().partition(|variation| pools(product, variation));
    let pool = (!pooled.is_empty()).then(|| product_unit(product));
    own.into_iter().map(|variation| variation_unit(product, variation)).chain(pool).collect()
}

/// A variation without SKU and quantity of its own inherits both: it sells the product's stock.
fn pools(product: &Product, variation: &Variation) -> bool {
    let inherits = sku(variation.sku.as_deref()).is_none() && !matches!(variation.stock, Stock::Units(_));
    inherits && sku(product.sku.as_deref()).is_some()
}

fn product_unit(product: &Product) -> Unit {
    let sku = sku(product.sku.as_deref());
    let level = level(sku.as_ref(), product.stock);
    base(product, product.id.to_string(), sku, level, product.title.clone().unwrap_or_default())
}

fn variation_unit(product: &Product, variation: &Variation) -> Unit {
    let sku = sku(variation.sku.as_deref()).or_else(|| sku(product.sku.as_deref()));
    let stock = if matches!(variation.stock, Stock::Units(_)) { variation.stock } else { product.stock };
    let level = level(sku.as_ref(), stock);
    base(product, format!("{}/{}", product.id, variation.id), sku, level, title(product, variation))
}

/// No SKU, no tracked stock. With one, a quantity that was never entered is 0 for the store itself.
fn level(sku: Option<&Sku>, stock: Stock) -> Option<i64> {
    match (sku, stock) {
        (None, _) | (Some(_), Stock::Unknown) => None,
        (Some(_), Stock::Unset) => Some(0),
        (Some(_), Stock::Units(units)) => Some(units),
    }
}

fn base(product: &Product, external: String, sku: Option<Sku>, level: Option<i64>, title: String) -> Unit {
    let kind = if product.bundle.unwrap_or(false) { UnitKind::Bundle } else { UnitKind::Simple };
    let active = product.active.unwrap_or(true);
    Unit { external, sku, location: LocationId::single(), level, title, active, kind }
}

fn title(product: &Product, variation: &Variation) -> String {
    let choices: Vec<&str> = variation.values.iter().filter_map(|choice| choice.name.as_deref()).collect();
    let title = product.title.as_deref().unwrap_or_default();
    if choices.is_empty() { title.to_owned() } else { format!("{title} ({})", choices.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(fixture: &str) -> Vec<(String, Option<String>, Option<i64>)> {
        let products: Vec<Product> = serde_json::from_str(fixture).expect("the fixture is a list of products");
        let row = |unit: Unit| (unit.external, unit.sku.map(String::from), unit.level);
        products.iter().flat_map(units_of).map(row).collect()
    }

    #[test]
    fn every_documented_way_of_holding_stock_is_read() {
        let own = |text: &str| Some(text.to_owned());
        assert_eq!(
            units(include_str!("../fixtures/products.json")),
            [
                ("4242/777".into(), own("TEE-RED-S"), Some(7)),
                ("4242/778".into(), own("TEE-RED-M"), Some(0)),
                ("4243".into(), own("MUG"), Some(-2)),
                ("4244".into(), own("CAP"), Some(12)),
                ("4245/901".into(), None, None),
                ("4246".into(), own("SET"), Some(3)),
                ("4247".into(), None, None),
                ("4248/930".into(), own("SOCK"), Some(4)),
                ("4248".into(), own("SOCK"), Some(9)),
                ("4249".into(), own("NEW"), Some(0)),
                ("4250".into(), own("ODD"), None),
            ]
        );
    }
}

//! The members that elements of HTML, SVG and MathML have in common, and those of elements that do nothing else.

use std::sync::Arc;

use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm, Value};
use longhaul_idl::*;

use super::super::{browsing_context, focus, hyperlink};
use super::tokens;
use crate::dom::node::{Node, lock, object};
use crate::dom::{Dataset, InlineStyle};

const HYPERLINK_RELATIONS: &[&str] = &["noreferrer", "noopener", "opener"];

impl HTMLElementStatics for Node {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Err(Exception::type_error("Illegal constructor"))
    }
}

macro_rules! html_or_svg_element_members {
    () => {
        fn dataset(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
            Ok(Arc::new(Dataset(Arc::clone(self))))
        }

        fn style(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
            Ok(Arc::new(InlineStyle(Arc::clone(self))))
        }

        fn nonce(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
            Ok(self.nonce_slot().unwrap_or_default())
        }

        fn set_nonce(self: &Arc<Self>, _: &dyn Realm, value: DomString) -> Result<(), Exception> {
            self.set_nonce_slot(Some(value));
            Ok(())
        }

        fn focus(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
            // NOTE: of what is not drawn, frames alone can have it.
            if let Some(context) = browsing_context::of_frame(self) {
                focus::focus(realm, &context);
            }
            Ok(())
        }

        fn blur(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
            Ok(())
        }
    };
}

impl SVGElementMethods for Node {
    html_or_svg_element_members!();
}

impl MathMLElementMethods for Node {
    html_or_svg_element_members!();
}

impl HTMLElementMethods for Node {
    fn inner_text(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        // NOTE: nothing is drawn, so the text is that of `textContent`.
        Ok(self.descendant_text().into())
    }

    fn set_inner_text(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        crate::dom::document::replace_text(realm, self, &value)
    }

    html_or_svg_element_members!();

    fn click(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        if matches!(self.html_name().map(|name| &**name), Some("button" | "input" | "select" | "textarea"))
            && self.has_attr("disabled")
        {
            return Ok(());
        }
        realm.core("click", vec![Value::Object(object(Arc::clone(self)))]).map(drop)
    }
}

macro_rules! no_members {
    ($($interface:ident)*) => { $(impl $interface for Node {})* };
}

no_members! {
    HTMLUnknownElementMethods HTMLHtmlElementMethods HTMLHeadElementMethods HTMLMetaElementMethods HTMLBodyElementMethods
    HTMLHeadingElementMethods HTMLParagraphElementMethods HTMLHRElementMethods HTMLPreElementMethods
    HTMLQuoteElementMethods HTMLOListElementMethods HTMLUListElementMethods HTMLLIElementMethods HTMLDListElementMethods
    HTMLDivElementMethods HTMLSpanElementMethods HTMLBRElementMethods HTMLDataElementMethods HTMLTimeElementMethods
    HTMLModElementMethods HTMLPictureElementMethods HTMLMenuElementMethods HTMLMapElementMethods HTMLTableElementMethods
    HTMLTableCaptionElementMethods HTMLTableColElementMethods HTMLTableSectionElementMethods HTMLTableRowElementMethods
    HTMLTableCellElementMethods HTMLDetailsElementMethods HTMLDialogElementMethods HTMLSlotElementMethods
    HTMLCanvasElementMethods HTMLFontElementMethods HTMLLegendElementMethods HTMLProgressElementMethods
    HTMLMeterElementMethods HTMLDataListElementMethods HTMLParamElementMethods HTMLFrameSetElementMethods
    HTMLSourceElementMethods HTMLEmbedElementMethods HTMLVideoElementMethods HTMLAudioElementMethods
    HTMLTrackElementMethods HTMLOptGroupElementMethods
}

impl HTMLStyleElementMethods for Node {
    fn blocking(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(tokens(self, "blocking", &["render"]))
    }
}

impl HTMLTitleElementMethods for Node {
    fn text(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.child_text().into())
    }

    fn set_text(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        crate::dom::document::replace_text(realm, self, &value)
    }
}

impl HTMLBaseElementMethods for Node {
    fn href(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        let href = self.attr("href").unwrap_or_default();
        let Some(document) = self.document() else { return Ok(href) };
        let Some(data) = document.document_data() else { return Ok(href) };
        let base = lock(&data.fallback_base).clone().unwrap_or_else(|| data.url());
        Ok(base.join(&href).map_or(href, String::from))
    }

    fn set_href(self: &Arc<Self>, realm: &dyn Realm, value: String) -> Result<(), Exception> {
        self.set_attr(realm, "href", value.into())
    }
}

impl HTMLTemplateElementMethods for Node {
    fn content(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        self.template_content()
            .map(object)
            .ok_or_else(|| Exception::type_error("the template has no content"))
    }
}

impl HTMLAnchorElementMethods for Node {
    hyperlink::hyperlink_members!();

    fn rel_list(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(tokens(self, "rel", HYPERLINK_RELATIONS))
    }

    fn text(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.descendant_text().into())
    }

    fn set_text(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        crate::dom::document::replace_text(realm, self, &value)
    }
}

impl HTMLAreaElementMethods for Node {
    hyperlink::hyperlink_members!();

    fn rel_list(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(tokens(self, "rel", HYPERLINK_RELATIONS))
    }
}

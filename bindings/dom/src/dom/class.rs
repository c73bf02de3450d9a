//! Which interface a node shows: <https://html.spec.whatwg.org/#elements-in-the-dom>.

use std::sync::Arc;

use html5ever::{Namespace, ns};
use longhaul_idl as idl;
use longhaul_idl::runtime::{Exception, InterfaceDescriptor, MemberId, Realm, Value};

use super::node::Node;

type Invoke = fn(Arc<Node>, &dyn Realm, MemberId, Vec<Value>) -> Result<Value, Exception>;

/// An interface of nodes, and what runs its members.
pub(crate) struct Class {
    pub(crate) descriptor: &'static InterfaceDescriptor,
    pub(crate) invoke: Invoke,
}

macro_rules! classes {
    ($($name:ident => $module:ident),* $(,)?) => {$(
        pub(crate) static $name: Class =
            Class { descriptor: &idl::$module::DESCRIPTOR, invoke: idl::$module::invoke::<Node> };
    )*};
}

classes! {
    DOCUMENT => document, XML_DOCUMENT => xml_document, DOCUMENT_TYPE => document_type,
    DOCUMENT_FRAGMENT => document_fragment, TEXT => text, CDATA_SECTION => cdata_section, COMMENT => comment,
    PROCESSING_INSTRUCTION => processing_instruction, ATTR => attr, ELEMENT => element,
    SVG_ELEMENT => svg_element, MATH_ML_ELEMENT => math_ml_element,
}

macro_rules! html_classes {
    ($($module:ident: $($name:literal)*;)*) => {
        /// <https://html.spec.whatwg.org/#htmlelement>, "element interface"
        fn html_class(local_name: &str) -> &'static Class {
            match local_name {
                $($($name)|* => {
                    static CLASS: Class =
                        Class { descriptor: &idl::$module::DESCRIPTOR, invoke: idl::$module::invoke::<Node> };
                    &CLASS
                })*
                name if name.contains('-') => html_class("section"),
                _ => {
                    static CLASS: Class = Class {
                        descriptor: &idl::html_unknown_element::DESCRIPTOR,
                        invoke: idl::html_unknown_element::invoke::<Node>,
                    };
                    &CLASS
                }
            }
        }
    };
}

html_classes! {
    html_element: "abbr" "acronym" "address" "article" "aside" "b" "basefont" "bdi" "bdo" "big" "center" "cite" "code" "dd"
        "dfn" "dt" "em" "figcaption" "figure" "footer" "header" "hgroup" "i" "kbd" "main" "mark" "nav" "nobr" "noembed"
        "noframes" "noscript" "plaintext" "rb" "rp" "rt" "rtc" "ruby" "s" "samp" "search" "section" "small" "strike"
        "strong" "sub" "summary" "sup" "tt" "u" "var" "wbr";
    html_anchor_element: "a"; html_area_element: "area"; html_audio_element: "audio"; html_base_element: "base";
    html_quote_element: "blockquote" "q"; html_body_element: "body"; htmlbr_element: "br"; html_button_element: "button";
    html_canvas_element: "canvas"; html_table_caption_element: "caption"; html_table_col_element: "col" "colgroup";
    html_data_element: "data"; html_data_list_element: "datalist"; html_mod_element: "del" "ins";
    html_details_element: "details"; html_dialog_element: "dialog"; html_div_element: "div"; htmld_list_element: "dl";
    html_embed_element: "embed"; html_field_set_element: "fieldset"; html_font_element: "font"; html_form_element: "form";
    html_frame_element: "frame"; html_frame_set_element: "frameset";
    html_heading_element: "h1" "h2" "h3" "h4" "h5" "h6"; html_head_element: "head"; htmlhr_element: "hr";
    html_html_element: "html"; htmli_frame_element: "iframe"; html_image_element: "img"; html_input_element: "input";
    html_label_element: "label"; html_legend_element: "legend"; htmlli_element: "li"; html_link_element: "link";
    html_map_element: "map"; html_menu_element: "menu"; html_meta_element: "meta"; html_meter_element: "meter";
    html_object_element: "object"; htmlo_list_element: "ol"; html_opt_group_element: "optgroup";
    html_option_element: "option"; html_output_element: "output"; html_paragraph_element: "p";
    html_param_element: "param"; html_picture_element: "picture"; html_pre_element: "pre" "listing" "xmp";
    html_progress_element: "progress"; html_script_element: "script"; html_select_element: "select";
    html_slot_element: "slot"; html_source_element: "source"; html_span_element: "span"; html_style_element: "style";
    html_table_element: "table"; html_table_section_element: "tbody" "tfoot" "thead";
    html_table_cell_element: "td" "th"; html_template_element: "template"; html_text_area_element: "textarea";
    html_time_element: "time"; html_title_element: "title"; html_table_row_element: "tr"; html_track_element: "track";
    htmlu_list_element: "ul"; html_video_element: "video";
}

/// The class of an element.
pub(crate) fn of_element(namespace: &Namespace, local_name: &str) -> &'static Class {
    match *namespace {
        ns!(html) => html_class(local_name),
        ns!(svg) => &SVG_ELEMENT,
        ns!(mathml) => &MATH_ML_ELEMENT,
        _ => &ELEMENT,
    }
}

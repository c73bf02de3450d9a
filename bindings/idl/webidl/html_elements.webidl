// HTML, the elements: https://html.spec.whatwg.org/#semantics
// NOTE: the members that only matter to what is drawn, edited or validated are left out.

// FIXME: not yet: tabIndex, popovers, editing, focus
[Exposed=Window]
interface HTMLElement : Element {
  constructor();

  [Reflect] attribute DOMString title;
  [Reflect] attribute DOMString lang;
  [Reflect, ReflectEnum="ltr|rtl|auto"] attribute DOMString dir;
  [Reflect] attribute boolean hidden;
  [Reflect] attribute boolean inert;
  [Reflect] attribute DOMString accessKey;
  attribute [LegacyNullToEmptyString] DOMString innerText;
  undefined click();
};
HTMLElement includes GlobalEventHandlers;
HTMLElement includes HTMLOrSVGElement;

// https://drafts.csswg.org/cssom/#the-elementcssinlinestyle-mixin
interface mixin ElementCSSInlineStyle {
  [SameObject, PutForwards=cssText] readonly attribute CSSStyleDeclaration style;
};
HTMLElement includes ElementCSSInlineStyle;

// https://drafts.csswg.org/cssom/#the-cssstyledeclaration-interface
// NOTE: the properties, attributes of their own there, are all named ones here.
[Exposed=Window]
interface CSSStyleDeclaration {
  attribute DOMString cssText;
  readonly attribute unsigned long length;
  getter DOMString item(unsigned long index);
  DOMString getPropertyValue(DOMString property);
  DOMString getPropertyPriority(DOMString property);
  undefined setProperty(DOMString property, [LegacyNullToEmptyString] DOMString value, optional [LegacyNullToEmptyString] DOMString priority = "");
  DOMString removeProperty(DOMString property);
  getter DOMString (DOMString name);
  setter undefined (DOMString name, [LegacyNullToEmptyString] DOMString value);
};

interface mixin HTMLOrSVGElement {
  [SameObject] readonly attribute DOMStringMap dataset;
  attribute DOMString nonce;
  [Reflect] attribute boolean autofocus;
  undefined focus();
  undefined blur();
};

[Exposed=Window]
interface HTMLUnknownElement : HTMLElement {};

[Exposed=Window, LegacyOverrideBuiltIns]
interface DOMStringMap {
  getter DOMString (DOMString name);
  setter undefined (DOMString name, DOMString value);
  deleter undefined (DOMString name);
};

[Exposed=Window] interface HTMLHtmlElement : HTMLElement { [Reflect] attribute DOMString version; };
[Exposed=Window] interface HTMLHeadElement : HTMLElement {};
[Exposed=Window]
interface HTMLTitleElement : HTMLElement {
  attribute DOMString text;
};
[Exposed=Window]
interface HTMLBaseElement : HTMLElement {
  attribute USVString href;
  [Reflect] attribute DOMString target;
};
[Exposed=Window]
interface HTMLLinkElement : HTMLElement {
  [ReflectURL] attribute USVString href;
  [Reflect="crossorigin", ReflectEnum="anonymous|use-credentials", ReflectInvalid="anonymous"] attribute DOMString? crossOrigin;
  [Reflect] attribute DOMString rel;
  [Reflect="as", ReflectEnum="fetch|audio|audioworklet|document|embed|font|frame|iframe|image|json|manifest|object|paintworklet|report|script|serviceworker|sharedworker|style|track|video|webidentity|worker|xslt"] attribute DOMString as;
  [SameObject, PutForwards=value] readonly attribute DOMTokenList relList;
  [Reflect] attribute DOMString media;
  [Reflect] attribute DOMString integrity;
  [Reflect] attribute DOMString hreflang;
  [Reflect] attribute DOMString type;
  [SameObject, PutForwards=value] readonly attribute DOMTokenList sizes;
  [Reflect="imagesrcset"] attribute USVString imageSrcset;
  [Reflect="imagesizes"] attribute DOMString imageSizes;
  [Reflect="referrerpolicy", ReflectEnum="no-referrer|no-referrer-when-downgrade|same-origin|origin|strict-origin|origin-when-cross-origin|strict-origin-when-cross-origin|unsafe-url"] attribute DOMString referrerPolicy;
  [SameObject, PutForwards=value] readonly attribute DOMTokenList blocking;
  [Reflect] attribute boolean disabled;
  [Reflect="fetchpriority", ReflectEnum="high|low|auto", ReflectMissing="auto", ReflectInvalid="auto"] attribute DOMString fetchPriority;
  [Reflect] attribute DOMString charset;
  [Reflect] attribute DOMString rev;
  [Reflect] attribute DOMString target;
};
[Exposed=Window]
interface HTMLMetaElement : HTMLElement {
  [Reflect] attribute DOMString name;
  [Reflect="http-equiv"] attribute DOMString httpEquiv;
  [Reflect] attribute DOMString content;
  [Reflect] attribute DOMString media;
  [Reflect] attribute DOMString scheme;
};
[Exposed=Window]
interface HTMLStyleElement : HTMLElement {
  [Reflect] attribute DOMString media;
  [SameObject, PutForwards=value] readonly attribute DOMTokenList blocking;
  [Reflect] attribute DOMString type;
};
[Exposed=Window]
interface HTMLBodyElement : HTMLElement {
  [Reflect] attribute [LegacyNullToEmptyString] DOMString text;
  [Reflect] attribute [LegacyNullToEmptyString] DOMString link;
  [Reflect="bgcolor"] attribute [LegacyNullToEmptyString] DOMString bgColor;
  [Reflect] attribute DOMString background;
};
HTMLBodyElement includes WindowEventHandlers;
[Exposed=Window] interface HTMLHeadingElement : HTMLElement { [Reflect] attribute DOMString align; };
[Exposed=Window] interface HTMLParagraphElement : HTMLElement { [Reflect] attribute DOMString align; };
[Exposed=Window] interface HTMLHRElement : HTMLElement { [Reflect] attribute DOMString align; [Reflect] attribute DOMString color; [Reflect] attribute DOMString size; [Reflect] attribute DOMString width; };
[Exposed=Window] interface HTMLPreElement : HTMLElement { [Reflect] attribute long width; };
[Exposed=Window] interface HTMLQuoteElement : HTMLElement { [ReflectURL] attribute USVString cite; };
[Exposed=Window] interface HTMLOListElement : HTMLElement { [Reflect] attribute boolean reversed; [Reflect] attribute DOMString type; [Reflect] attribute boolean compact; };
[Exposed=Window] interface HTMLUListElement : HTMLElement { [Reflect] attribute DOMString type; [Reflect] attribute boolean compact; };
[Exposed=Window] interface HTMLLIElement : HTMLElement { [Reflect] attribute long value; [Reflect] attribute DOMString type; };
[Exposed=Window] interface HTMLDListElement : HTMLElement { [Reflect] attribute boolean compact; };
[Exposed=Window] interface HTMLDivElement : HTMLElement { [Reflect] attribute DOMString align; };
[Exposed=Window] interface HTMLSpanElement : HTMLElement {};
[Exposed=Window] interface HTMLBRElement : HTMLElement { [Reflect] attribute DOMString clear; };
[Exposed=Window] interface HTMLDataElement : HTMLElement { [Reflect] attribute DOMString value; };
[Exposed=Window] interface HTMLTimeElement : HTMLElement { [Reflect="datetime"] attribute DOMString dateTime; };
[Exposed=Window] interface HTMLModElement : HTMLElement { [ReflectURL] attribute USVString cite; [Reflect="datetime"] attribute DOMString dateTime; };
[Exposed=Window] interface HTMLPictureElement : HTMLElement {};
[Exposed=Window] interface HTMLMenuElement : HTMLElement { [Reflect] attribute boolean compact; };
[Exposed=Window] interface HTMLMapElement : HTMLElement { [Reflect] attribute DOMString name; };
[Exposed=Window] interface HTMLTableElement : HTMLElement { [Reflect] attribute DOMString border; [Reflect] attribute DOMString width; };
[Exposed=Window] interface HTMLTableCaptionElement : HTMLElement { [Reflect] attribute DOMString align; };
[Exposed=Window] interface HTMLTableColElement : HTMLElement { [Reflect] attribute DOMString align; [Reflect] attribute DOMString width; };
[Exposed=Window] interface HTMLTableSectionElement : HTMLElement { [Reflect] attribute DOMString align; };
[Exposed=Window] interface HTMLTableRowElement : HTMLElement { [Reflect] attribute DOMString align; };
[Exposed=Window] interface HTMLTableCellElement : HTMLElement { [Reflect] attribute DOMString headers; [Reflect] attribute DOMString abbr; [Reflect] attribute DOMString align; };
[Exposed=Window] interface HTMLDetailsElement : HTMLElement { [Reflect] attribute DOMString name; [Reflect] attribute boolean open; };
[Exposed=Window] interface HTMLDialogElement : HTMLElement { [Reflect] attribute boolean open; };
[Exposed=Window] interface HTMLSlotElement : HTMLElement { [Reflect] attribute DOMString name; };
[Exposed=Window] interface HTMLCanvasElement : HTMLElement {};
[Exposed=Window] interface HTMLFontElement : HTMLElement { [Reflect] attribute DOMString face; [Reflect] attribute DOMString size; };
[Exposed=Window] interface HTMLLegendElement : HTMLElement { [Reflect] attribute DOMString align; };
[Exposed=Window] interface HTMLProgressElement : HTMLElement {};
[Exposed=Window] interface HTMLMeterElement : HTMLElement {};
[Exposed=Window] interface HTMLDataListElement : HTMLElement {};
[Exposed=Window] interface HTMLParamElement : HTMLElement { [Reflect] attribute DOMString name; [Reflect] attribute DOMString value; };
[Exposed=Window] interface HTMLFrameSetElement : HTMLElement { [Reflect] attribute DOMString cols; [Reflect] attribute DOMString rows; };
HTMLFrameSetElement includes WindowEventHandlers;
[Exposed=Window]
interface HTMLTemplateElement : HTMLElement {
  readonly attribute DocumentFragment content;
};

interface mixin HTMLHyperlinkElementUtils {
  stringifier attribute USVString href;
  readonly attribute USVString origin;
  attribute USVString protocol;
  attribute USVString username;
  attribute USVString password;
  attribute USVString host;
  attribute USVString hostname;
  attribute USVString port;
  attribute USVString pathname;
  attribute USVString search;
  attribute USVString hash;
};

[Exposed=Window]
interface HTMLAnchorElement : HTMLElement {
  [Reflect] attribute DOMString target;
  [Reflect] attribute DOMString download;
  [Reflect] attribute USVString ping;
  [Reflect] attribute DOMString rel;
  [SameObject, PutForwards=value] readonly attribute DOMTokenList relList;
  [Reflect] attribute DOMString hreflang;
  [Reflect] attribute DOMString type;
  attribute DOMString text;
  [Reflect="referrerpolicy", ReflectEnum="no-referrer|no-referrer-when-downgrade|same-origin|origin|strict-origin|origin-when-cross-origin|strict-origin-when-cross-origin|unsafe-url"] attribute DOMString referrerPolicy;
  [Reflect] attribute DOMString name;
};
HTMLAnchorElement includes HTMLHyperlinkElementUtils;

[Exposed=Window]
interface HTMLAreaElement : HTMLElement {
  [Reflect] attribute DOMString alt;
  [Reflect] attribute DOMString target;
  [Reflect] attribute DOMString download;
  [Reflect] attribute USVString ping;
  [Reflect] attribute DOMString rel;
  [SameObject, PutForwards=value] readonly attribute DOMTokenList relList;
  [Reflect="referrerpolicy", ReflectEnum="no-referrer|no-referrer-when-downgrade|same-origin|origin|strict-origin|origin-when-cross-origin|strict-origin-when-cross-origin|unsafe-url"] attribute DOMString referrerPolicy;
};
HTMLAreaElement includes HTMLHyperlinkElementUtils;

[Exposed=Window, LegacyFactoryFunction=Image(optional unsigned long width, optional unsigned long height)]
interface HTMLImageElement : HTMLElement {
  [Reflect] attribute DOMString alt;
  [ReflectURL] attribute USVString src;
  [Reflect] attribute USVString srcset;
  [Reflect] attribute DOMString sizes;
  [Reflect="crossorigin", ReflectEnum="anonymous|use-credentials", ReflectInvalid="anonymous"] attribute DOMString? crossOrigin;
  [Reflect="usemap"] attribute DOMString useMap;
  [Reflect="ismap"] attribute boolean isMap;
  attribute unsigned long width;
  attribute unsigned long height;
  readonly attribute unsigned long naturalWidth;
  readonly attribute unsigned long naturalHeight;
  readonly attribute boolean complete;
  readonly attribute USVString currentSrc;
  [Reflect="referrerpolicy", ReflectEnum="no-referrer|no-referrer-when-downgrade|same-origin|origin|strict-origin|origin-when-cross-origin|strict-origin-when-cross-origin|unsafe-url"] attribute DOMString referrerPolicy;
  [Reflect, ReflectEnum="async|sync|auto", ReflectMissing="auto", ReflectInvalid="auto"] attribute DOMString decoding;
  [Reflect, ReflectEnum="lazy|eager", ReflectMissing="eager", ReflectInvalid="eager"] attribute DOMString loading;
  [Reflect="fetchpriority", ReflectEnum="high|low|auto", ReflectMissing="auto", ReflectInvalid="auto"] attribute DOMString fetchPriority;
  [Reflect] attribute DOMString name;
};

[Exposed=Window]
interface HTMLSourceElement : HTMLElement {
  [ReflectURL] attribute USVString src;
  [Reflect] attribute DOMString type;
  [Reflect] attribute USVString srcset;
  [Reflect] attribute DOMString sizes;
  [Reflect] attribute DOMString media;
};

[Exposed=Window]
interface HTMLIFrameElement : HTMLElement {
  [ReflectURL] attribute USVString src;
  [Reflect] attribute DOMString srcdoc;
  [Reflect] attribute DOMString name;
  [SameObject, PutForwards=value] readonly attribute DOMTokenList sandbox;
  [Reflect] attribute DOMString allow;
  [Reflect="allowfullscreen"] attribute boolean allowFullscreen;
  [Reflect] attribute DOMString width;
  [Reflect] attribute DOMString height;
  [Reflect="referrerpolicy", ReflectEnum="no-referrer|no-referrer-when-downgrade|same-origin|origin|strict-origin|origin-when-cross-origin|strict-origin-when-cross-origin|unsafe-url"] attribute DOMString referrerPolicy;
  [Reflect, ReflectEnum="lazy|eager", ReflectMissing="eager", ReflectInvalid="eager"] attribute DOMString loading;
  readonly attribute Document? contentDocument;
  readonly attribute WindowProxy? contentWindow;
};

[Exposed=Window]
interface HTMLFrameElement : HTMLElement {
  [Reflect] attribute DOMString name;
  [ReflectURL] attribute USVString src;
  readonly attribute Document? contentDocument;
  readonly attribute WindowProxy? contentWindow;
};

[Exposed=Window]
interface HTMLEmbedElement : HTMLElement {
  [ReflectURL] attribute USVString src;
  [Reflect] attribute DOMString type;
  [Reflect] attribute DOMString width;
  [Reflect] attribute DOMString height;
};

[Exposed=Window]
interface HTMLObjectElement : HTMLElement {
  [ReflectURL] attribute USVString data;
  [Reflect] attribute DOMString type;
  [Reflect] attribute DOMString name;
  [Reflect] attribute DOMString width;
  [Reflect] attribute DOMString height;
  readonly attribute Document? contentDocument;
  readonly attribute WindowProxy? contentWindow;
};

[Exposed=Window]
interface HTMLMediaElement : HTMLElement {
  [ReflectURL] attribute USVString src;
  [Reflect="crossorigin", ReflectEnum="anonymous|use-credentials", ReflectInvalid="anonymous"] attribute DOMString? crossOrigin;
  [Reflect, ReflectEnum="none|metadata|auto", ReflectMissing="auto", ReflectInvalid="auto"] attribute DOMString preload;
  readonly attribute USVString currentSrc;
  undefined load();
  DOMString canPlayType(DOMString type);
  [Reflect] attribute boolean autoplay;
  [Reflect] attribute boolean loop;
  [Reflect] attribute boolean controls;
  [Reflect="muted"] attribute boolean defaultMuted;
};

[Exposed=Window]
interface HTMLVideoElement : HTMLMediaElement {
  [Reflect] attribute unsigned long width;
  [Reflect] attribute unsigned long height;
  [ReflectURL] attribute USVString poster;
};

[Exposed=Window, LegacyFactoryFunction=Audio(optional DOMString src)]
interface HTMLAudioElement : HTMLMediaElement {
};

[Exposed=Window]
interface HTMLTrackElement : HTMLElement {
  [Reflect, ReflectEnum="subtitles|captions|descriptions|chapters|metadata", ReflectMissing="subtitles", ReflectInvalid="metadata"] attribute DOMString kind;
  [ReflectURL] attribute USVString src;
  [Reflect] attribute DOMString srclang;
  [Reflect] attribute DOMString label;
  [Reflect] attribute boolean default;
};

[Exposed=Window]
interface HTMLScriptElement : HTMLElement {
  [Reflect] attribute DOMString type;
  [ReflectURL] attribute USVString src;
  [Reflect="nomodule"] attribute boolean noModule;
  attribute boolean async;
  [Reflect] attribute boolean defer;
  [SameObject, PutForwards=value] readonly attribute DOMTokenList blocking;
  [Reflect="crossorigin", ReflectEnum="anonymous|use-credentials", ReflectInvalid="anonymous"] attribute DOMString? crossOrigin;
  [Reflect="referrerpolicy", ReflectEnum="no-referrer|no-referrer-when-downgrade|same-origin|origin|strict-origin|origin-when-cross-origin|strict-origin-when-cross-origin|unsafe-url"] attribute DOMString referrerPolicy;
  [Reflect] attribute DOMString integrity;
  [Reflect="fetchpriority", ReflectEnum="high|low|auto", ReflectMissing="auto", ReflectInvalid="auto"] attribute DOMString fetchPriority;
  attribute DOMString text;
  static boolean supports(DOMString type);
  [Reflect] attribute DOMString charset;
  [Reflect] attribute DOMString event;
  [Reflect="for"] attribute DOMString htmlFor;
};

// FIXME: not yet: form controls' values as states of their own, validation, selection
[Exposed=Window]
interface HTMLFormElement : HTMLElement {
  [Reflect="accept-charset"] attribute DOMString acceptCharset;
  attribute USVString action;
  [Reflect, ReflectEnum="on|off", ReflectMissing="on", ReflectInvalid="on"] attribute DOMString autocomplete;
  [Reflect, ReflectEnum="application/x-www-form-urlencoded|multipart/form-data|text/plain", ReflectMissing="application/x-www-form-urlencoded", ReflectInvalid="application/x-www-form-urlencoded"] attribute DOMString enctype;
  [Reflect="enctype", ReflectEnum="application/x-www-form-urlencoded|multipart/form-data|text/plain", ReflectMissing="application/x-www-form-urlencoded", ReflectInvalid="application/x-www-form-urlencoded"] attribute DOMString encoding;
  [Reflect, ReflectEnum="get|post|dialog", ReflectMissing="get", ReflectInvalid="get"] attribute DOMString method;
  [Reflect] attribute DOMString name;
  [Reflect="novalidate"] attribute boolean noValidate;
  [Reflect] attribute DOMString target;
  [Reflect] attribute DOMString rel;
  [SameObject, PutForwards=value] readonly attribute DOMTokenList relList;
  [SameObject] readonly attribute HTMLCollection elements;
  readonly attribute unsigned long length;
  undefined submit();
  undefined requestSubmit(optional HTMLElement? submitter = null);
  undefined reset();
  boolean checkValidity();
  boolean reportValidity();
};

[Exposed=Window]
interface HTMLInputElement : HTMLElement {
  [Reflect] attribute DOMString accept;
  [Reflect] attribute DOMString alt;
  attribute boolean checked;
  [Reflect="checked"] attribute boolean defaultChecked;
  [Reflect] attribute boolean disabled;
  readonly attribute HTMLFormElement? form;
  [Reflect="formaction"] attribute USVString formAction;
  [Reflect="formmethod"] attribute DOMString formMethod;
  [Reflect="formtarget"] attribute DOMString formTarget;
  [Reflect] attribute boolean multiple;
  [Reflect] attribute DOMString name;
  [Reflect] attribute DOMString placeholder;
  [Reflect] attribute boolean required;
  [ReflectURL] attribute USVString src;
  attribute DOMString type;
  [Reflect="value"] attribute DOMString defaultValue;
  attribute [LegacyNullToEmptyString] DOMString value;
  undefined select();
};

[Exposed=Window]
interface HTMLButtonElement : HTMLElement {
  [Reflect] attribute boolean disabled;
  readonly attribute HTMLFormElement? form;
  [Reflect="formaction"] attribute USVString formAction;
  [Reflect="formmethod"] attribute DOMString formMethod;
  [Reflect="formtarget"] attribute DOMString formTarget;
  [Reflect] attribute DOMString name;
  [Reflect, ReflectEnum="submit|reset|button", ReflectMissing="submit", ReflectInvalid="submit"] attribute DOMString type;
  [Reflect] attribute DOMString value;
};

[Exposed=Window]
interface HTMLTextAreaElement : HTMLElement {
  [Reflect] attribute boolean disabled;
  readonly attribute HTMLFormElement? form;
  [Reflect] attribute DOMString name;
  [Reflect] attribute DOMString placeholder;
  readonly attribute DOMString type;
  attribute DOMString defaultValue;
  attribute [LegacyNullToEmptyString] DOMString value;
};

[Exposed=Window]
interface HTMLSelectElement : HTMLElement {
  [Reflect] attribute boolean disabled;
  readonly attribute HTMLFormElement? form;
  [Reflect] attribute boolean multiple;
  [Reflect] attribute DOMString name;
  readonly attribute DOMString type;
  attribute DOMString value;
};

[Exposed=Window]
interface HTMLOptGroupElement : HTMLElement { [Reflect] attribute boolean disabled; [Reflect] attribute DOMString label; };

[Exposed=Window]
interface HTMLOptionElement : HTMLElement {
  [Reflect] attribute boolean disabled;
  [Reflect="selected"] attribute boolean defaultSelected;
  attribute boolean selected;
  attribute DOMString value;
  attribute DOMString text;
};

[Exposed=Window]
interface HTMLLabelElement : HTMLElement {
  readonly attribute HTMLFormElement? form;
  [Reflect="for"] attribute DOMString htmlFor;
};

[Exposed=Window]
interface HTMLFieldSetElement : HTMLElement {
  [Reflect] attribute boolean disabled;
  readonly attribute HTMLFormElement? form;
  [Reflect] attribute DOMString name;
};

[Exposed=Window]
interface HTMLOutputElement : HTMLElement {
  readonly attribute HTMLFormElement? form;
  [Reflect] attribute DOMString name;
};

[Exposed=Window]
interface SVGElement : Element {
};
SVGElement includes GlobalEventHandlers;
SVGElement includes HTMLOrSVGElement;
SVGElement includes ElementCSSInlineStyle;

[Exposed=Window]
interface MathMLElement : Element {};
MathMLElement includes GlobalEventHandlers;
MathMLElement includes HTMLOrSVGElement;
MathMLElement includes ElementCSSInlineStyle;

// https://html.spec.whatwg.org/#dom-parsing-and-serialization
partial interface Element {
  attribute [LegacyNullToEmptyString] DOMString innerHTML;
  attribute [LegacyNullToEmptyString] DOMString outerHTML;
  undefined insertAdjacentHTML(DOMString position, DOMString string);
};

enum DOMParserSupportedType { "text/html", "text/xml", "application/xml", "application/xhtml+xml", "image/svg+xml" };

[Exposed=Window]
interface DOMParser {
  constructor();
  [NewObject] Document parseFromString(DOMString string, DOMParserSupportedType type);
};

[Exposed=Window]
interface XMLSerializer {
  constructor();
  DOMString serializeToString(Node root);
};

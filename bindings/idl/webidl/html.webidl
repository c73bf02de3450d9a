// HTML: https://html.spec.whatwg.org/

[LegacyTreatNonObjectAsNull]
callback EventHandlerNonNull = any (Event event);
typedef EventHandlerNonNull? EventHandler;

[LegacyTreatNonObjectAsNull]
callback OnErrorEventHandlerNonNull = any ((Event or DOMString) event, optional DOMString source, optional unsigned long lineno, optional unsigned long colno, optional any error);
typedef OnErrorEventHandlerNonNull? OnErrorEventHandler;

// NOTE: nothing here navigates, so a WindowProxy never changes the Window it stands for.
typedef Window WindowProxy;

// FIXME: not yet: frames, history, opening, closing, focus, dialogs, messages and drawing
[Global=Window, Exposed=Window, LegacyUnenumerableNamedProperties]
interface Window : EventTarget {
  [LegacyUnforgeable] readonly attribute WindowProxy window;
  [Replaceable] readonly attribute WindowProxy self;
  [LegacyUnforgeable] readonly attribute Document document;
  attribute DOMString name;
  // FIXME: not yet: [PutForwards=href]
  [LegacyUnforgeable] readonly attribute Location location;

  [Replaceable] readonly attribute WindowProxy frames;
  [Replaceable] readonly attribute unsigned long length;
  [LegacyUnforgeable] readonly attribute WindowProxy? top;
  [Replaceable] readonly attribute WindowProxy? parent;

  readonly attribute Navigator navigator;
};
Window includes GlobalEventHandlers;
Window includes WindowEventHandlers;
Window includes WindowOrWorkerGlobalScope;

partial interface Document {
  [LegacyUnforgeable] readonly attribute Location? location;
  // FIXME: not yet: readonly attribute USVString referrer;
  // FIXME: not yet: readonly attribute DOMString lastModified;
  readonly attribute DocumentReadyState readyState;
  attribute DOMString title;
  readonly attribute WindowProxy? defaultView;
  readonly attribute DocumentVisibilityState visibilityState;
  readonly attribute boolean hidden;
  // NOTE: no script element has a node of its own, so this is `null` while any script runs.
  readonly attribute HTMLOrSVGScriptElement? currentScript;

  [LegacyLenientThis] attribute EventHandler onreadystatechange;
  attribute EventHandler onvisibilitychange;
};

enum DocumentReadyState { "loading", "interactive", "complete" };
enum DocumentVisibilityState { "visible", "hidden" };

// NOTE: stands for the union of script elements, which do not exist yet; only `null` is ever one.
typedef Node HTMLOrSVGScriptElement;

// FIXME: not yet: the setters of its attributes, assign(), replace(), reload(), ancestorOrigins
[Exposed=Window]
interface Location {
  [LegacyUnforgeable] stringifier readonly attribute USVString href;
  [LegacyUnforgeable] readonly attribute USVString origin;
  [LegacyUnforgeable] readonly attribute USVString protocol;
  [LegacyUnforgeable] readonly attribute USVString host;
  [LegacyUnforgeable] readonly attribute USVString hostname;
  [LegacyUnforgeable] readonly attribute USVString port;
  [LegacyUnforgeable] readonly attribute USVString pathname;
  [LegacyUnforgeable] readonly attribute USVString search;
  [LegacyUnforgeable] readonly attribute USVString hash;
};

// FIXME: not yet: the handlers of element and input events
interface mixin GlobalEventHandlers {
  attribute OnErrorEventHandler onerror;
  attribute EventHandler onload;
};

// FIXME: not yet: the handlers of unloading, history, messages and storage
interface mixin WindowEventHandlers {
  attribute EventHandler onoffline;
  attribute EventHandler ononline;
  // FIXME: not yet: attribute EventHandler onpageshow;
  attribute EventHandler onrejectionhandled;
  attribute EventHandler onunhandledrejection;
};

[Exposed=Window]
interface Navigator {
};
Navigator includes NavigatorID;
Navigator includes NavigatorLanguage;
Navigator includes NavigatorOnLine;
Navigator includes NavigatorConcurrentHardware;

interface mixin NavigatorID {
  readonly attribute DOMString appCodeName;
  readonly attribute DOMString appName;
  readonly attribute DOMString appVersion;
  readonly attribute DOMString platform;
  readonly attribute DOMString product;
  readonly attribute DOMString userAgent;
};

interface mixin NavigatorLanguage {
  readonly attribute DOMString language;
  readonly attribute FrozenArray<DOMString> languages;
};

interface mixin NavigatorOnLine {
  readonly attribute boolean onLine;
};

interface mixin NavigatorConcurrentHardware {
  readonly attribute unsigned long long hardwareConcurrency;
};

// FIXME: not yet: TrustedScript as a member of the union
typedef (DOMString or Function) TimerHandler;

interface mixin WindowOrWorkerGlobalScope {
  [Replaceable] readonly attribute USVString origin;
  readonly attribute boolean isSecureContext;
  readonly attribute boolean crossOriginIsolated;

  undefined reportError(any e);

  DOMString btoa(DOMString data);
  ByteString atob(DOMString data);

  long setTimeout(TimerHandler handler, optional long timeout = 0, any... arguments);
  undefined clearTimeout(optional long id = 0);
  long setInterval(TimerHandler handler, optional long timeout = 0, any... arguments);
  undefined clearInterval(optional long id = 0);

  undefined queueMicrotask(VoidFunction callback);

  // FIXME: not yet: createImageBitmap()
  any structuredClone(any value, optional StructuredSerializeOptions options = {});
};

[Exposed=Worker]
interface WorkerGlobalScope : EventTarget {
  readonly attribute WorkerGlobalScope self;
  readonly attribute WorkerLocation location;
  readonly attribute WorkerNavigator navigator;
  undefined importScripts(USVString... urls);

  attribute OnErrorEventHandler onerror;
  // FIXME: not yet: attribute EventHandler onlanguagechange;
  attribute EventHandler onoffline;
  attribute EventHandler ononline;
  attribute EventHandler onrejectionhandled;
  attribute EventHandler onunhandledrejection;
};
WorkerGlobalScope includes WindowOrWorkerGlobalScope;

interface mixin AbstractWorker {
  attribute EventHandler onerror;
};

enum WorkerType { "classic", "module" };

[Exposed=Worker]
interface WorkerNavigator {
};
WorkerNavigator includes NavigatorID;
WorkerNavigator includes NavigatorLanguage;
WorkerNavigator includes NavigatorOnLine;
WorkerNavigator includes NavigatorConcurrentHardware;

[Exposed=Worker]
interface WorkerLocation {
  stringifier readonly attribute USVString href;
  readonly attribute USVString origin;
  readonly attribute USVString protocol;
  readonly attribute USVString host;
  readonly attribute USVString hostname;
  readonly attribute USVString port;
  readonly attribute USVString pathname;
  readonly attribute USVString search;
  readonly attribute USVString hash;
};

[Exposed=*, LonghaulSelfHosted]
interface ErrorEvent : Event {
  constructor(DOMString type, optional ErrorEventInit eventInitDict = {});

  readonly attribute DOMString message;
  readonly attribute USVString filename;
  readonly attribute unsigned long lineno;
  readonly attribute unsigned long colno;
  readonly attribute any error;
};

dictionary ErrorEventInit : EventInit {
  DOMString message = "";
  USVString filename = "";
  unsigned long lineno = 0;
  unsigned long colno = 0;
  any error;
};

[Exposed=*, LonghaulSelfHosted]
interface PromiseRejectionEvent : Event {
  constructor(DOMString type, PromiseRejectionEventInit eventInitDict);

  readonly attribute object promise;
  readonly attribute any reason;
};

dictionary PromiseRejectionEventInit : EventInit {
  required object promise;
  any reason;
};

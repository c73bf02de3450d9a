// Interfaces made up to test each rule of Web IDL in a realm.

[LegacyTreatNonObjectAsNull] callback EventHandlerNonNull = any (Event event);
typedef EventHandlerNonNull? EventHandler;
callback interface EventListener { undefined handleEvent(Event event); };

[Exposed=*, LonghaulSelfHosted]
interface Event {
  constructor(DOMString type, optional EventInit init = {});
  readonly attribute DOMString type;
  readonly attribute boolean bubbles;
  [LegacyUnforgeable] readonly attribute boolean isTrusted;
  const unsigned short NONE = 0;
  const unsigned short AT_TARGET = 2;
};
dictionary EventInit { boolean bubbles = false; };

[Exposed=*, LonghaulSelfHosted]
interface DetailEvent : Event {
  constructor(DOMString type, optional DetailEventInit init = {});
  readonly attribute any detail;
};
dictionary DetailEventInit : EventInit { any detail = null; };

[Exposed=*, LonghaulSelfHosted]
interface EventTarget {
  constructor();
  undefined addEventListener(DOMString type, EventListener? callback);
  boolean dispatchEvent(Event event);
};

[Exposed=*, LonghaulSelfHosted]
interface Chunks {
  constructor(long count);
  async_iterable<long>;
  Promise<long> soon(long value);
};

[Global=Window, Exposed=Window, LegacyUnenumerableNamedProperties]
interface TestGlobal : EventTarget {
  [LegacyUnforgeable] readonly attribute TestGlobal window;
  [Replaceable] readonly attribute TestGlobal self;
  readonly attribute DOMString origin;
  [SameObject] readonly attribute Counter counter;
  attribute EventHandler onping;
  DOMString greet(DOMString name);
  undefined adopt(any value);
  any adopted();
  DOMString throws(DOMString kind);
  undefined panics();
};
partial interface TestGlobal { [SecureContext] DOMString secret(); };

[Exposed=ServiceWorker] interface WorkerOnly { };
[Exposed=Window, SecureContext] interface SecureOnly { };
[Exposed=*] interface Bare { };

[Exposed=*]
interface Counter : EventTarget {
  constructor(optional long start = 0);
  readonly attribute long value;
  attribute long step;
  [SameObject] readonly attribute Counter self;
  readonly attribute Promise<long> ready;
  [PutForwards=step] readonly attribute Counter inner;
  readonly attribute FrozenArray<long> factors;
  attribute Counter? peer;
  attribute EventHandler onchange;
  long add(long amount, optional long times = 1, long... more);
  Promise<long> later(long amount);
  Promise<FrozenArray<long>> list();
  Promise<FrozenArray<long>> listNow();
  [NewObject] Counter fresh();
  static Counter of(long start);
  static readonly attribute long made;
  const boolean COUNTS = true;
};
[Exposed=*]
interface Doubling : Counter {
  constructor(optional long start = 0);
  readonly attribute long doubled;
};

enum Color { "", "red", "dark-blue" };

[Exposed=*]
interface Paint {
  constructor();
  attribute Color color;
  stringifier readonly attribute DOMString text;
};

dictionary Base { long b = 7; required DOMString a; };
dictionary Derived : Base { sequence<long> list = []; Color? color = null; any thing; [Clamp] octet clamped; };
dictionary Nothing { };
typedef (Counter or sequence<DOMString> or Base) Mixed;

[Exposed=*]
interface Convert {
  constructor();
  byte byte(byte v);
  octet octet(octet v);
  [EnforceRange] unsigned long long plain();
  unsigned long enforced([EnforceRange] unsigned long v);
  octet clamped([Clamp] octet v);
  unrestricted double unrestricted(unrestricted double v);
  double restricted(double v);
  float single(float v);
  boolean boolean(boolean v);
  DOMString domString(DOMString v);
  DOMString nullToEmpty([LegacyNullToEmptyString] DOMString v);
  USVString usvString(USVString v);
  ByteString byteString(ByteString v);
  DOMString? nullable(DOMString? v);
  Color color(Color v);
  sequence<long> sequence(sequence<long> v);
  record<DOMString, long> record(record<DOMString, long> v);
  record<USVString, long> usvRecord(record<USVString, long> v);
  DOMString dictionary(Derived v);
  DOMString optionalDictionary(optional Nothing v = {});
  DOMString mixed((Mixed or boolean or double or DOMString) v);
  DOMString maybe(optional (long or DOMString)? v);
  DOMString counter(Counter v);
  DOMString target(EventTarget v);
  object object(object v);
  symbol symbol(symbol v);
  any any(optional any v);
  any callBack(Callback v, long x);
  DOMString bufferSource(BufferSource v);
  DOMString bytes(Uint8Array v);
  DOMString shared([AllowShared] BufferSource v);
  Uint8Array makeBytes(sequence<octet> v);
  undefined fill(Uint8Array v, octet with);
  ArrayBufferView same(ArrayBufferView v);
  Promise<any> promise(Promise<any> v);
  (long or undefined) longOrUndefined((long or undefined) v);
  FrozenArray<long> frozen(FrozenArray<long> v);
  DOMString overload();
  DOMString overload(long v);
  DOMString overload(DOMString v, Counter c);
  DOMString overload(DOMString v, sequence<long> list);
  DOMString overload(DOMString v, Nothing dictionary, optional long z);
  any json(DOMString text);
};
callback Callback = any (long x);

[Exposed=*]
interface Pairs {
  constructor(sequence<sequence<DOMString>> init);
  [Unscopable] undefined append(DOMString key, DOMString value);
  iterable<DOMString, DOMString>;
};
[Exposed=*]
interface Lookup {
  constructor();
  readonly maplike<DOMString, long>;
};
[Exposed=*]
interface Members {
  constructor();
  readonly setlike<DOMString>;
};

[Exposed=*]
namespace tools {
  readonly attribute long version;
  DOMString join(DOMString... parts);
};

partial interface TestGlobal {
  getter DOMString (DOMString name);
  readonly attribute WindowProxy? other;
  readonly attribute Place place;
  unsigned long long calledBy();
  boolean sameWindow((WindowProxy or DOMString) other);
};
[Exposed=Window]
interface Place {
  [LegacyUnforgeable] stringifier attribute USVString href;
  [LegacyUnforgeable] undefined replace(USVString url);
};

[Exposed=*]
interface Listing {
  constructor(sequence<DOMString> items);
  readonly attribute unsigned long length;
  getter DOMString? item(unsigned long index);
  iterable<DOMString?>;
};
[Exposed=*, LegacyUnenumerableNamedProperties]
interface NamedListing : Listing {
  constructor(sequence<DOMString> items);
  getter DOMString? namedItem(DOMString name);
};
[Exposed=*]
interface Writable {
  constructor();
  readonly attribute unsigned long length;
  getter long item(unsigned long index);
  setter undefined (unsigned long index, long value);
};
[Exposed=*, LegacyOverrideBuiltIns]
interface Dataset {
  constructor();
  getter DOMString (DOMString name);
  setter undefined (DOMString name, DOMString value);
  deleter undefined (DOMString name);
};
[Exposed=*, LonghaulSelfHosted]
interface HostedNames {
  constructor();
  readonly attribute unsigned long length;
  getter DOMString item(unsigned long index);
  getter DOMString? (DOMString name);
  setter undefined (DOMString name, [LegacyNullToEmptyString] DOMString value);
  deleter boolean (DOMString name);
};
[Exposed=*, LonghaulSelfHosted]
interface HostedRange {
  constructor();
  async_iterable<long>(optional RangeOptions options = {});
};
dictionary RangeOptions { long count = 2; };

[Exposed=Window, LegacyFactoryFunction=Picture(optional unsigned long width, optional unsigned long height)]
interface PictureElement {
  readonly attribute DOMString size;
};
[Exposed=*]
interface Registry {
  constructor();
  maplike<DOMString, long>;
};
[Exposed=*]
interface States {
  constructor();
  setlike<double>;
  DOMString clear();
};
[Exposed=Window, LegacyNoInterfaceObject] interface Hidden { readonly attribute long x; };
[Exposed=*, LegacyWindowAlias=OldAliased] interface Aliased { constructor(); };

[Exposed=Window]
interface Reflecting {
  constructor();
  [Reflect] attribute DOMString title;
  [Reflect="data-x"] attribute DOMString? dataX;
  [Reflect] attribute boolean hidden;
  [ReflectURL] attribute USVString src;
  [Reflect, ReflectEnum="lazy|eager", ReflectMissing="eager", ReflectInvalid="eager"] attribute DOMString loading;
  [Reflect, ReflectEnum="anonymous|use-credentials", ReflectInvalid="anonymous"] attribute DOMString? crossOrigin;
  [Reflect, ReflectDefault="20"] attribute unsigned long size;
  [Reflect] attribute long start;
  DOMString? getAttribute(DOMString name);
  undefined setAttribute(DOMString name, DOMString value);
};

typedef [EnforceRange] octet StrictOctet;
typedef [Clamp] octet ClampedOctet;
callback Transform = StrictOctet (long x, optional DOMString label, any... more);
callback Soon = Promise<long> (DOMString what);
callback Shape = ShapeResult (sequence<long> numbers, Counter? counter, Base dictionary);
dictionary ShapeResult { required sequence<USVString> names; Color color = "red"; };
[LegacyTreatNonObjectAsNull] callback Lenient = DOMString ();
[Exposed=*]
callback interface Visitor {
  const unsigned short SKIP = 2;
  unsigned short visit(Counter node, boolean last);
};

[Exposed=*]
interface Caller {
  constructor();
  octet transform(Transform callback, long x, optional DOMString label, any... more);
  boolean reported(Transform callback);
  Promise<any> soon(Soon callback, DOMString what);
  DOMString shape(Shape callback);
  DOMString lenient(Lenient callback);
  sequence<unsigned short> visit(Visitor visitor, sequence<Counter> nodes);
};

[Exposed=*]
interface Shelf {
  constructor();
  attribute ObservableArray<Counter> counters;
  attribute ObservableArray<ClampedOctet> bytes;
  DOMString log();
  long total();
};
[Exposed=*, LonghaulSelfHosted]
interface HostedShelf {
  constructor();
  attribute ObservableArray<DOMString?> names;
  DOMString log();
};

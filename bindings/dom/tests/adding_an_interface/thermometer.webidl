// An interface that no standard knows.

enum Scale { "celsius", "fahrenheit" };
dictionary Reading { required double degrees; Scale scale = "celsius"; };
callback Alarm = boolean (Reading reading);

[Exposed=(Window,DedicatedWorker)]
interface Thermometer {
  constructor(optional double degrees = 20);
  attribute double degrees;
  [SameObject] readonly attribute Thermometer outside;
  Promise<Reading> measure(optional Scale scale = "celsius");
  boolean warn(Alarm alarm);
  stringifier;
  static Thermometer of(Reading reading);
  const unsigned short BOILING = 100;
};

"""A plugin with a controller, findings, hooks for events, `quarterdeck_authorize`, and commands; tests steer it by files of the instance."""

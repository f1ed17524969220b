"""What a changed total sets off: crossings, changes of band and stage, actions."""

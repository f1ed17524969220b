-- Where changes of leads are handed to. Written by `leadstream db destination`. Read by crm_changes.
CREATE TABLE crm_destinations (
    name text COLLATE "C" NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    writes text NOT NULL,
    PRIMARY KEY (name),
    CONSTRAINT crm_destinations_writes CHECK (writes IN ('every_update', 'band_change'))
);

COMMENT ON TABLE crm_destinations IS 'Where changes of leads are handed to';
COMMENT ON COLUMN crm_destinations.name IS 'What it is called in crm_changes';
COMMENT ON COLUMN crm_destinations.tenant_id IS 'The workspace whose leads it gets';
COMMENT ON COLUMN crm_destinations.writes IS
    'every_update, or band_change for only those that entered another band';

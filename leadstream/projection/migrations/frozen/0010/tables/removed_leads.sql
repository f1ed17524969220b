CREATE TABLE removed_leads (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id text COLLATE "C" NOT NULL,
    source_partition integer NOT NULL,
    log_offset bigint NOT NULL,
    PRIMARY KEY (tenant_id, lead_id)
);

COMMENT ON TABLE removed_leads IS 'Leads that were removed and have not come back, for those who keep copies';
COMMENT ON COLUMN removed_leads.tenant_id IS 'The workspace';
COMMENT ON COLUMN removed_leads.lead_id IS 'The lead that was removed';
COMMENT ON COLUMN removed_leads.source_partition IS 'The partition of the topic of scores';
COMMENT ON COLUMN removed_leads.log_offset IS 'The offset of the emptied record that removed it';

CREATE INDEX removed_leads_by_log ON removed_leads (tenant_id, source_partition, log_offset);

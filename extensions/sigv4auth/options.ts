import * as s from '#config';

const region = () =>
  s.string({
    check: (name) => (/^[a-z0-9-]*$/.test(name) ? undefined : 'must be the name of a region, such as eu-west-1'),
  });

const assumeRole = s.check(
  s.object({
    arn: s.optional(s.string(), 'Role to sign as, asked for with the credentials that are found.'),
    session_name: s.optional(s.string(), "What CloudTrail shows; `dnscol-` and the host's name when left out."),
    sts_region: s.optional(region(), 'Region whose STS is asked for roles; `region` when left out.'),
    web_identity_token_file: s.optional(
      s.string(),
      'File of the token that the role is asked for with, in place of credentials.',
    ),
    external_id: s.optional(s.string(), "The external id that the role's trust policy wants; not for a web identity."),
  }),
  ({ arn, web_identity_token_file }, complain) => {
    if (web_identity_token_file && !arn) complain('web_identity_token_file', 'needs arn');
  },
);

export const config = s.object({
  region: s.optional(
    region(),
    "Region that requests are signed for. Left out: what the host's name says, else `AWS_REGION`, `AWS_DEFAULT_REGION` or the profile.",
  ),
  service: s.optional(
    s.string(),
    "Service that requests are signed for, such as `aps` for Amazon Managed Service for Prometheus. Left out: what the host's name says.",
  ),
  assume_role: s.optional(assumeRole, ''),
});

export type Config = s.Infer<typeof config>;

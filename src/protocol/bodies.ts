/** What requests hold. Unknown fields are refused: a `role` in a register body is an error, not a promotion. */
import { z } from 'zod';

const delivery = z.enum(['cookie', 'memory', 'bearer']);
const text = z.string().max(1024);
/** Shown to people later, so no control characters, which could forge a line of a log or a mail. */
export const shownText: z.ZodType<string, string> = z
  .string()
  .trim()
  .max(100)
  .refine((value) => !/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(value), 'must not hold control characters');
/** Its length is judged by the password rules, in code points. */
const password = z.string();

export interface RegisterBody {
  readonly username?: string | undefined;
  readonly email?: string | undefined;
  readonly password: string;
  readonly name?: string | undefined;
  /** Judged by the application's `parseProfile`; refused without one. */
  readonly profile?: unknown;
}
type Demand = 'required' | 'optional' | 'unknown';

const demanded: Readonly<Record<Demand, z.ZodType<string | undefined>>> = {
  required: text,
  optional: text.optional(),
  unknown: z.never().optional(),
};

/** What people may and must sign up with is a setting. */
export function registerBody(demands: Readonly<Record<'username' | 'email', Demand>>): z.ZodType<RegisterBody> {
  return z.strictObject({
    username: demanded[demands.username],
    email: demanded[demands.email],
    password,
    name: shownText.optional(),
    profile: z.unknown().optional(),
  });
}

/** A genuine one has 115 characters; what is longer is no less invalid. */
const oneTimeToken: z.ZodType<string> = text;

export interface ForgotPasswordBody {
  readonly email: string;
}
export const forgotPasswordBody: z.ZodType<ForgotPasswordBody> = z.strictObject({ email: text });

export interface ResetPasswordBody {
  readonly token: string;
  readonly newPassword: string;
}
export const resetPasswordBody: z.ZodType<ResetPasswordBody> = z.strictObject({ token: oneTimeToken, newPassword: password });

/** One of them: the token of a link, or a code where one is signed in. */
export type VerifyEmailBody = { readonly token: string; readonly code?: undefined } | { readonly code: string; readonly token?: undefined };
export const verifyEmailBody: z.ZodType<VerifyEmailBody> = z
  .strictObject({ token: oneTimeToken.optional(), code: z.string().max(16).optional() })
  .transform(({ token, code }, context) => {
    if (token !== undefined && code === undefined) return { token };
    if (code !== undefined && token === undefined) return { code: code.replaceAll(' ', '') };
    const message = token === undefined ? 'is required' : 'give only one of token and code';
    context.addIssue({ code: 'custom', path: ['token'], message, params: { code: token === undefined ? 'required' : 'ambiguous' } });
    return z.NEVER;
  });

export interface ChangeEmailBody {
  readonly newEmail: string;
}
export const changeEmailBody: z.ZodType<ChangeEmailBody> = z.strictObject({ newEmail: text });

export interface NotMeBody {
  readonly token: string;
}
export const notMeBody: z.ZodType<NotMeBody> = z.strictObject({ token: oneTimeToken });

export interface LoginBody {
  readonly identifier: string;
  readonly password: string;
  readonly remember: boolean;
  readonly delivery?: 'cookie' | 'memory' | 'bearer' | undefined;
  readonly deviceName?: string | undefined;
}
export const loginBody: z.ZodType<LoginBody> = z
  .strictObject({
    identifier: text.optional(),
    username: text.optional(),
    email: text.optional(),
    password,
    remember: z.boolean().default(true),
    delivery: delivery.optional(),
    deviceName: shownText.optional(),
  })
  .transform(({ identifier, username, email, ...rest }, context) => {
    const given = [identifier, username, email].filter((value) => value !== undefined);
    const [only] = given;
    if (given.length === 1 && only !== undefined) return { ...rest, identifier: only };
    const message = given.length === 0 ? 'is required' : 'give only one of identifier, username and email';
    context.addIssue({ code: 'custom', path: ['identifier'], message, params: { code: given.length === 0 ? 'required' : 'ambiguous' } });
    return z.NEVER;
  });

export interface RefreshTokenBody {
  readonly refreshToken?: string | undefined;
}
/** Of refresh and logout: nothing in cookie and memory mode. */
export const refreshTokenBody: z.ZodType<RefreshTokenBody> = z.strictObject({ refreshToken: text.optional() });

const factorMethod = z.enum(['totp', 'recovery']);
/** With the spaces and hyphens that people type. */
const factorCode = z.string().max(64);

export interface FactorProofBody {
  readonly method: 'totp' | 'recovery';
  readonly code: string;
}

/** The ticket is a one-time token. */
export interface LoginMfaBody extends FactorProofBody {
  readonly ticket: string;
}
export const loginMfaBody: z.ZodType<LoginMfaBody> = z.strictObject({ ticket: oneTimeToken, method: factorMethod, code: factorCode });

export interface ConfirmTotpBody {
  readonly code: string;
}
export const confirmTotpBody: z.ZodType<ConfirmTotpBody> = z.strictObject({ code: factorCode });

/** One of them: the password, or a code of the second factor. */
export type ReauthenticateBody = { readonly password: string; readonly method?: undefined } | FactorProofBody;
export const reauthenticateBody: z.ZodType<ReauthenticateBody> = z
  .strictObject({ password: password.optional(), method: factorMethod.optional(), code: factorCode.optional() })
  .transform((given, context) => {
    const { password: secret, method, code } = given;
    if (secret !== undefined && method === undefined && code === undefined) return { password: secret };
    if (secret === undefined && method !== undefined && code !== undefined) return { method, code };
    const isEmpty = secret === undefined && method === undefined && code === undefined;
    const message = isEmpty ? 'is required' : 'give either password, or method and code';
    context.addIssue({ code: 'custom', path: ['password'], message, params: { code: isEmpty ? 'required' : 'ambiguous' } });
    return z.NEVER;
  });

export interface ChangePasswordBody {
  readonly currentPassword: string;
  readonly newPassword: string;
}
export const changePasswordBody: z.ZodType<ChangePasswordBody> = z.strictObject({ currentPassword: password, newPassword: password });

export interface UpdateProfileBody {
  readonly name?: string | null | undefined;
  readonly profile?: unknown;
}
export const updateProfileBody: z.ZodType<UpdateProfileBody> = z.strictObject({
  name: shownText.nullable().optional(),
  profile: z.unknown().optional(),
});

export interface AdminUpdateUserBody {
  readonly name?: string | null | undefined;
  readonly disabled?: boolean | undefined;
}
export const adminUpdateUserBody: z.ZodType<AdminUpdateUserBody> = z.strictObject({
  name: shownText.nullable().optional(),
  disabled: z.boolean().optional(),
});

export interface SetRolesBody {
  readonly roles: readonly string[];
}
export const setRolesBody: z.ZodType<SetRolesBody> = z.strictObject({ roles: z.array(text).max(32) });

export interface NoBody {
  readonly [none: string]: never;
}
export const noBody: z.ZodType<NoBody> = z.strictObject({});

export interface NewApiKeyBody {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expiresIn?: number | null | undefined;
}
/** Their meaning and their bounds are judged where keys are made. */
export const newApiKeyBody: z.ZodType<NewApiKeyBody> = z.strictObject({
  name: text,
  scopes: z.array(text),
  expiresIn: z.number().nullable().optional(),
});

export interface RotateApiKeyBody {
  readonly overlapSeconds?: number | undefined;
}
export const rotateApiKeyBody: z.ZodType<RotateApiKeyBody> = z.strictObject({ overlapSeconds: z.number().optional() });

export interface ClientTokenBody {
  readonly grant_type: 'client_credentials';
  readonly scope?: string | undefined;
}
/** Unknown parameters are ignored here, as RFC 6749 section 3.2 wants. */
export const clientTokenBody: z.ZodType<ClientTokenBody> = z.object({
  grant_type: z.string().pipe(z.literal('client_credentials')),
  scope: text.min(1).optional(),
});

const limit = z
  .string()
  .regex(/^[1-9]\d{0,2}$/, 'must be a number from 1 to 200')
  .transform(Number)
  .refine((value) => value <= 200, 'must be a number from 1 to 200')
  .default(50);
const cursor = z.string().max(200).optional();

export interface UserListQuery {
  readonly q?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}
export const userListQuery: z.ZodType<UserListQuery> = z.strictObject({ q: z.string().max(200).optional(), limit, cursor });

export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
}
export const pageQuery: z.ZodType<PageQuery> = z.strictObject({ limit, cursor });

export interface ApiKeyListQuery extends PageQuery {
  /** Id of the owner. */
  readonly user?: string | undefined;
}
export const apiKeyListQuery: z.ZodType<ApiKeyListQuery> = z.strictObject({ user: z.string().max(64).optional(), limit, cursor });

const instant = z
  .string()
  .max(40)
  .pipe(z.iso.datetime({ offset: true }))
  .transform((text) => Date.parse(text));

export interface EventListQuery extends PageQuery {
  /** Id of the user whom it happened to. */
  readonly user?: string | undefined;
  readonly type?: string | undefined;
  /** Milliseconds since 1970: from this instant on, and before that one. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}
export const eventListQuery: z.ZodType<EventListQuery> = z.strictObject({
  user: z.string().max(64).optional(),
  type: z.string().max(64).optional(),
  from: instant.optional(),
  to: instant.optional(),
  limit,
  cursor,
});
